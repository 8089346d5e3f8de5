"""What a result depends on: one and two assumptions moved, break-even, shares of the variance."""
