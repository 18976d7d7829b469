"""Write a Llama of random weights as a Hugging Face folder; see `spacy_llama_ner/benchmark/make_backbone.py`.

python benchmarks/size/make_backbone.py FOLDER --shape llama-3.2-1b
"""

import argparse
from pathlib import Path

from spacy_llama_ner.benchmark.make_backbone import SHAPES, make_backbone


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write a Llama of random weights as a Hugging Face folder.")
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--shape", choices=SHAPES, default="llama-3.2-1b")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    make_backbone(arguments.folder, arguments.shape, seed=arguments.seed)


if __name__ == "__main__":
    main()
