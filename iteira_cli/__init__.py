"""The `iteira` command: manners only, no business rules."""

__version__ = "0.1.0"
