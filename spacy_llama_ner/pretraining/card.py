"""The model card of a pretrained Llama."""

import json
from typing import Any

from transformers import PretrainedConfig

_FIELDS = ("name", "language", "description", "license", "data", "attribution", "limits", "history")


def format_card(config: PretrainedConfig, facts: dict[str, Any], about: dict[str, Any]) -> str:
    """Write a model card.

    config (PretrainedConfig): The model's.
    facts (Dict): What `run.pretrain` returns.
    about (Dict): What no program knows, each a text and each optional: name, description, license (an identifier of the
        hub, such as cc-by-sa-3.0), language (en), data, attribution, limits, history (what came
        before, of weights trained on).
    RETURNS (str): Markdown with YAML in front.
    RAISES (ValueError): If `about` has other keys or values.
    """
    check_about(about)
    schedule, settings = facts["settings"]["schedule"], facts["settings"]
    metadata = {
        "language": about.get("language"),
        "license": about.get("license"),
        "library_name": "transformers",
    }
    lines = ["---", *(f"{key}: {value}" for key, value in metadata.items() if value)]
    lines += ["pipeline_tag: text-generation", "---", "", f"# {about.get('name', 'A small Llama')}", ""]
    if "description" in about:
        lines += [about["description"], ""]
    begun = "Trained on from " + settings["init_from"] if settings["init_from"] else "From random weights"
    size = (
        f"Llama: {config.num_hidden_layers} layers, hidden size {config.hidden_size}, "
        f"{config.num_attention_heads} heads, {config.num_key_value_heads} key/value heads, "
        f"MLP {config.intermediate_size}, tied embeddings, RoPE theta {config.rope_theta:,.0f}"
    )
    masked = schedule["masked_share"]
    kinds = (
        f"next-piece prediction; {masked:.0%} of the batches masked (20% of the pieces), with bidirectional attention"
        if masked
        else "next-piece prediction"
    )
    rows = {
        "Architecture": size,
        "Parameters": f"{facts['parameters']:,}, stored in bfloat16",
        "Vocabulary": f"{config.vocab_size:,} rows"
        + ("" if settings["init_from"] else "; byte-level BPE, Llama 3's split pattern"),
        "Data": about.get("data"),
        "Before": about.get("history"),
        "Training": f"{begun}; {kinds}; {facts['steps']:,} steps of {schedule['batch_rows']} rows of "
        f"{settings['row_length']} pieces: {facts['pieces']:,} pieces, {schedule['epochs']:g} epochs of the text's "
        f"{facts['pieces_in_text']['train']:,}; AdamW (0.9, 0.95), weight decay {schedule['weight_decay']:g}, "
        f"peak learning rate {schedule['learn_rate']:g}, warm-up of {facts['warmup_steps']} steps, cosine to 5%; "
        "bfloat16 autocast, "
        "gradient norm clipped at 1.0",
        "Validation loss": _loss(facts),
    }
    lines += ["| | |", "|---|---|"]
    lines += [f"| {key} | {_cell(value)} |" for key, value in rows.items() if value]
    lines += ["", "Command:", "", "```", facts["command"], "```", ""]
    for key, title in (("attribution", "Licence and attribution"), ("limits", "Limits")):
        if key in about:
            lines += [f"## {title}", "", about[key], ""]
    return "\n".join(lines)


def check_about(about: object) -> None:
    """RAISES (ValueError): If it is not what `format_card` takes."""
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise ValueError(f"about: expected an object of texts, got {json.dumps(about)[:80]}")
    if unknown := sorted(set(about) - set(_FIELDS)):
        raise ValueError(f"about: unknown {', '.join(unknown)}; expected some of {', '.join(_FIELDS)}")


def _cell(text: str) -> str:
    """RETURNS (str): The text on one line, without a pipe that would end the cell."""
    return " ".join(text.split()).replace("|", r"\|")


def _loss(facts: dict[str, Any]) -> str:
    text = f"{facts['validation_loss']:.3f} nats a piece"
    if "validation_loss_masked" in facts:
        text += f" causally; {facts['validation_loss_masked']:.3f} a masked piece, seeing both sides"
    return f"{text}, on {facts['pieces_in_text']['validation']:,} pieces of held-out documents"
