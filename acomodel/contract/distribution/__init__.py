"""Distribution of a payment within an ACO: operating cost, pools by rule, practices and physicians; to the cent."""
