"""Observations of providers: health, times to first token, outcomes, load."""
