"""The torch side: backbone, adapters, head and CRF. Imports neither spaCy nor thinc."""
