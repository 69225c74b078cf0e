"""5. Answering: TalkMe's API."""
