"""CoNLL files and hub data sets to DocBin."""
