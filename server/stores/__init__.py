"""Where messages and sessions live."""
