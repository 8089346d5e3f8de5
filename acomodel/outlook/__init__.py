"""Outlook: what the result depends on."""
