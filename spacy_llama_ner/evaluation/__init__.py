"""Scores of a pipeline on a corpus."""
