"""Contract: what was agreed and what it pays."""
