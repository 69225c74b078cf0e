"""The daemon: read from top to bottom it is the way of a message."""
