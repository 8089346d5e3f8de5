"""Benchmarks of the Medicare Shared Savings Program: historical, updated, adjusted, rebased; each line in sight."""
