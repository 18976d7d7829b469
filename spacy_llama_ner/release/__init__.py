"""Package a trained pipeline and prove that the package works."""
