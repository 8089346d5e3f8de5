"""Claims: from experience tables to cost and utilization."""
