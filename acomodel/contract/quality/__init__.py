"""Quality: measures to rates, points, a score, and what the score does to a payment."""
