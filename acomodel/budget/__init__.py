"""Budget: trend, risk, large claims and the benchmark."""
