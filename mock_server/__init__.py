"""The other side: a TalkMe to practise on. It talks to the daemon by HTTP only."""
