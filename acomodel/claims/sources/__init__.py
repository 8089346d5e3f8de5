"""Readers of claims, one per format."""
