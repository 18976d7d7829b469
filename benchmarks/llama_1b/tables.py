"""The results as tables for the terminal."""

from typing import Any

from wasabi import msg


def show(results: dict[str, Any]) -> None:
    """Print the machine, the cells and the turns.

    results (dict): As `run.py` writes them.
    """
    msg.divider(
        f"{results['shape']}, {results['layers']} layers, batch {results['batch']}, {results['steps']} steps"
    )
    machine = results["machine"]
    msg.text(f"{machine['gpu'] or machine['processor']}, {machine['threads']} threads")
    memory = list(results["cells"][0]["memory"])
    msg.table(
        [
            (
                cell["side"],
                cell["attention"],
                f"last {cell['unfrozen']} layers" if cell["unfrozen"] else "LoRA",
                "on" if cell["checkpointing"] else "off",
                _rate(cell["words_per_second"]),
                *(f"{cell['memory'][kind] / 1e9:.2f}" for kind in memory),
                _rate(cell["prediction"]) if cell["prediction"] else "",
            )
            for cell in results["cells"]
        ],
        header=(
            "",
            "attention",
            "trained",
            "checkpointing",
            "training, words/s",
            *(f"{kind}, GB" for kind in memory),
            "prediction, words/s",
        ),
        aligns=("l", "l", "l", "l", "r", *("r" for _ in memory), "r"),
        divider=True,
    )
    msg.table(
        [
            (
                turn["work"],
                _rate(turn["ours"]),
                _rate(turn["theirs"]),
                f"{turn['ratio']:.2f}",
                f"{min(turn['ratios']):.2f} to {max(turn['ratios']):.2f}",
                "ok" if turn["ratio"] >= results["least_ratio"] else "MISSED",
            )
            for turn in results["turns"]
        ],
        header=("in turns", "ours, words/s", "theirs, words/s", "ratio", "range", ""),
        aligns=("l", "r", "r", "r", "r", "l"),
        divider=True,
    )


def _rate(words_per_second: float) -> str:
    digits = 0 if words_per_second >= 100 else 1
    return f"{words_per_second:,.{digits}f}"
