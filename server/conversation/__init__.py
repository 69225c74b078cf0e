"""2. Order and turns: who works on which session, and the story of one reply."""
