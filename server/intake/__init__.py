"""1. From a payload to an accepted message."""
