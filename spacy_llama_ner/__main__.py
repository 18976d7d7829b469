"""Run the command line: `python -m spacy_llama_ner COMMAND`."""

from spacy_llama_ner.cli import app

if __name__ == "__main__":
    app(prog_name="python -m spacy_llama_ner")
