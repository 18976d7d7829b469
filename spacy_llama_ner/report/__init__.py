"""One page that shows how good a pipeline is, made from what the other commands wrote."""
