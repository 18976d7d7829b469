"""Named-entity recognition in spaCy with a Llama backbone, LoRA and a CRF.

Importing this package loads no backbone library: spaCy imports the factory through its entry point in
every process that creates a pipeline, whether or not it uses the component.
"""

from importlib.metadata import version

__version__ = version("spacy-llama-ner")
