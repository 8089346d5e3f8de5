"""The contract year as it goes: variances from the budget, rolling rates, departures, what changed since last month."""
