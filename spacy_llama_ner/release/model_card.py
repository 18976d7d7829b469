"""Write a packaged pipeline's README: a model card with Hugging Face's metadata in front."""

import re
from collections.abc import Sequence
from typing import Any

import srsly

from spacy_llama_ner.evaluation.table import HEADER, percent, score_rows
from spacy_llama_ner.release.llama_licence import HUB_NAMES

# Some of the identifiers that a model card's `license` may have; any other licence is "other" plus its name.
# Source: Hugging Face Hub documentation, "Licenses".
LICENSES = {
    "apache-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "mit",
    *HUB_NAMES.values(),
}
ALIASES = {f"llama-{version}-community-license": name for version, name in HUB_NAMES.items()}


def model_card(meta: dict[str, Any], *, about: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Write the model card of a pipeline.

    meta (dict): What `release_meta` returned.
    about (dict): What `read_about` returned; `dataset` and `limits` go into the card alone.
    metrics (dict): What `read_metrics` returned; without it, the card says that there are no scores.
    RETURNS (str): Markdown, with YAML between `---` lines in front.
    """
    package = f"{meta['lang']}_{meta['name']}"
    fields = front_matter(meta)
    if metrics:
        fields["model-index"] = [{"name": package, "results": [_results(about, metrics)]}]
    header = srsly.yaml_dumps(fields).strip()
    sections = [
        f"---\n{header}\n---",
        f"# {package}",
        meta.get("description") or "A spaCy pipeline for named-entity recognition.",
        _facts(package, meta),
        "## Labels",
        _labels(meta),
        "## Use",
        _usage(package, meta),
        "## Training data and backbone",
        _sources(meta),
        "## Scores",
        _scores(metrics),
        "## Limits",
        about.get("limits") or "None stated. Evaluate it on text like yours before you rely on it.",
    ]
    return "\n\n".join(sections) + "\n"


def front_matter(meta: dict[str, Any]) -> dict[str, Any]:
    """Describe a pipeline to the hub, scores left out.

    meta (dict): The pipeline's meta.json.
    RETURNS (dict): `tags`, `language`, `license` and `library_name` of a model card.
    """
    return {
        "tags": ["spacy", "token-classification", "named-entity-recognition"],
        "language": [meta["lang"]],
        **license_fields(meta.get("license", "")),
        "library_name": "spacy",
    }


def license_fields(name: str) -> dict[str, str]:
    """Turn a licence's name into a model card's fields.

    name (str): Such as "CC BY-SA 3.0" or "MIT".
    RETURNS (dict[str, str]): `license` with the hub's identifier, or `license: other` and `license_name`.
    """
    identifier = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    identifier = ALIASES.get(identifier, identifier)
    if identifier in LICENSES:
        return {"license": identifier}
    return {"license": "other", "license_name": identifier or "unknown"}


def _results(about: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    scores = metrics["seqeval"]
    names = {
        "precision": "NER Precision",
        "recall": "NER Recall",
        "f1": "NER F Score",
        "accuracy": "Token Accuracy",
    }
    corpus = str(metrics.get("corpus", "unknown"))
    return {
        "task": {"name": "NER", "type": "token-classification"},
        "dataset": about.get("dataset", {"name": corpus, "type": corpus}),
        "metrics": [{"name": names[key], "type": key, "value": scores[key]} for key in names],
    }


def _facts(package: str, meta: dict[str, Any]) -> str:
    return _table(
        ("", ""),
        [
            ("Name", f"`{package}`"),
            ("Version", f"`{meta['version']}`"),
            ("spaCy", f"`{meta.get('spacy_version') or 'any'}`"),
            ("Components", ", ".join(f"`{name}`" for name in meta.get("pipeline", [])) or "none"),
            ("Licence", meta.get("license") or "not stated"),
            ("Author", meta.get("author") or "not stated"),
        ],
    )


def _labels(meta: dict[str, Any]) -> str:
    rows = [
        (f"`{component}`", ", ".join(f"`{label}`" for label in labels))
        for component, labels in meta.get("labels", {}).items()
        if labels
    ]
    return _table(("Component", "Labels"), rows) if rows else "The pipeline's components declare no labels."


def _usage(package: str, meta: dict[str, Any]) -> str:
    wheel = f"{package}-{meta['version']}-py3-none-any.whl"
    return f"""```bash
pip install {wheel}  # and the wheel of spacy-llama-ner, which it requires
```

```python
import spacy

nlp = spacy.load("{package}")
doc = nlp("Angela Merkel met Airbus managers in Toulouse.")
for ent in doc.ents:
    print(ent.text, ent.label_, ent._.score)
```

`ent._.score` is the probability, from 0 to 1, that the model gives to exactly this entity; it is `None` for
entities that another component set."""


def _sources(meta: dict[str, Any]) -> str:
    rows = []
    for source in meta.get("sources") or []:
        name = f"[{source['name']}]({source['url']})" if source.get("url") else source["name"]
        rows.append((name, source.get("author", ""), source.get("license") or "not stated"))
    return _table(("Source", "Author", "Licence"), rows) if rows else "Not stated."


def _scores(metrics: dict[str, Any]) -> str:
    if not metrics:
        return "This package was built without an evaluation."
    counts = metrics["counts"]
    table = _table(("Label", *HEADER[1:]), score_rows(metrics))
    return (
        f"On `{metrics.get('corpus', 'unknown')}` ({counts['docs']:,} docs, "
        f"{counts['sentences']:,} sentences, {counts['tokens']:,} tokens), in percent; an entity counts only "
        "if its boundaries and its label are right (seqeval, strict IOB2). "
        f"Token accuracy: {percent(metrics['seqeval']['accuracy'])}.\n\n{table}"
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
