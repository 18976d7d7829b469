"""Prove that a machine is ready for a training config, and say what the training will need. Nothing here prints."""
