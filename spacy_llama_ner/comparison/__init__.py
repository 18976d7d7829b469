"""Alternatives beside our component on one split, and what each of its parts is worth."""
