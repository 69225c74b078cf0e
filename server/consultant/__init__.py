"""3. Thinking: what to say to the caller."""
