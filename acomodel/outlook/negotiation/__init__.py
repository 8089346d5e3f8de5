"""Which contract to sign: contracts side by side, terms of equal value, the frontier, the pro forma of a programme."""
