"""4. Knowing: what the company's files say."""
