"""Workbench: scenarios, runs, replays and reports."""
