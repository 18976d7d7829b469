"""The benchmarks are scripts beside each other, not a package; this makes them importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "size"))
