"""Write a trained pipeline with its backbone in 8 or 4 bits, and measure what that saves and costs."""

import tempfile
from pathlib import Path
from typing import Any

from spacy_llama_ner.evaluation.tables import Table
from spacy_llama_ner.release.backbones import read_backbones
from spacy_llama_ner.release.difference import compare_entities
from spacy_llama_ner.release.kind_tables import cost_table
from spacy_llama_ner.release.kinds import Kind, sizes, write_kind
from spacy_llama_ner.release.trial import try_pipeline
from spacy_llama_ner.replacement import replace_folder

TOLERATED_LOSS = 0.01  # of F1, from 0 to 1; more is warned of
REQUIREMENT = "bitsandbytes>=0.46"  # of a package made of such a pipeline, as in the extra `quantization`


def quantize_pipeline(
    model_dir: Path, output_dir: Path, *, to: str, inputs: Path | list[str], gpu_id: int = -1
) -> dict[str, Any]:
    """Quantize a pipeline, and hold it against the original.

    Adapters are merged into the backbone first, in float32. Kept beside it they cost memory and a fifth of the speed
    or more, and gained nothing: on mini-news F1 is within 0.3 either way.

    model_dir (Path): A saved pipeline; it is read only.
    output_dir (Path): The folder to write, whole or not at all; what is there is replaced. Room for the merged pipeline
        is needed beside it.
    to (str): "int8" or "nf4".
    inputs (Path | list[str]): An annotated corpus, a `.spacy` file; or texts.
    gpu_id (int): GPU to measure on, or -1 for the CPU.
    RETURNS (dict): `to`, `gpu_id`, `texts`; `original`, `merged` (in bfloat16, before it is quantized) and `quantized`,
        each with what `sizes` and `try_pipeline` return, but for the entities; `entities`, what `compare_entities`
        returns of the first and the last; `f1_lost` between these, from -1 to 1, None without a corpus; `warning`, a
        text where that is more than 0.01.
    RAISES (ValueError): If the pipeline has no backbone, or one that is quantized already.
    RAISES (ReleaseError): If one of the three does not run.
    """
    output_dir = output_dir.resolve()
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output_dir.name}-draft-", dir=output_dir.parent) as temporary:
        merged, draft = Path(temporary) / "merged", Path(temporary) / "quantized"
        write_kind(Kind.full, model_dir, merged)
        _quantize(merged, draft, to=to)
        measured = {
            name: {**sizes(folder), **try_pipeline(folder, inputs, gpu_id=gpu_id)}
            for name, folder in (("original", model_dir), ("merged", merged), ("quantized", draft))
        }
        replace_folder(draft, output_dir)
    before, _, after = (one.pop("entities") for one in measured.values())
    result: dict[str, Any] = {
        "to": to,
        "gpu_id": gpu_id,
        "texts": str(inputs) if isinstance(inputs, Path) else "samples",
        **measured,
        "entities": compare_entities(before, after),
        "f1_lost": None,
    }
    f1, small_f1 = measured["original"]["f1"], measured["quantized"]["f1"]
    if f1 is not None and small_f1 is not None:
        result["f1_lost"] = lost = f1 - small_f1
        if lost > TOLERATED_LOSS:
            hint = "; int8 loses less" if to == "nf4" else ""
            result["warning"] = (
                f"{to} loses {100 * lost:.2f} F1 on {inputs}, more than {100 * TOLERATED_LOSS:.0f}{hint}."
            )
    return result


def quantize_tables(result: dict[str, Any]) -> list[Table]:
    """Lay out what quantizing saves and costs.

    result (dict): From `quantize_pipeline`, or the same read from JSON.
    RETURNS (list[Table]): One table.
    """
    merged, quantized, entities = result["merged"], result["quantized"], result["entities"]
    table = cost_table({"original": result["original"], "merged, bfloat16": merged, result["to"]: quantized})
    gone, new = f"{len(entities['gone']):,}", f"{len(entities['new']):,}"
    smaller = merged["total"] / quantized["total"]
    speed = _words_per_second(quantized) / _words_per_second(merged)
    notes = [
        f"Of {entities['entities']:,} entities in {entities['texts']:,} texts ({result['texts']}) {gone} are gone and "
        f"{new} are new.",
        f"Quantizing the merged pipeline makes it {smaller:.1f} times smaller on disk; it reads {speed:.2f} times as "
        "many words a second.",
    ]
    if result["gpu_id"] < 0 and speed < 1:
        notes.append("On a CPU quantized weights save memory, not time: they are widened again at each use.")
    rows = [*table.rows, ("entities gone / new", "", "", f"{gone} / {new}")]
    return [Table(f"Quantized to {result['to']}", table.header, rows, [*table.notes, *notes])]


def _quantize(merged: Path, output_dir: Path, *, to: str) -> None:
    import spacy

    setting = "components.{}.model.backbone.quantization"
    names = [backbone.component for backbone in read_backbones(merged)]
    nlp = spacy.load(merged, config={setting.format(name): to for name in names})
    nlp.meta["requirements"] = [*nlp.meta.get("requirements", []), REQUIREMENT]
    nlp.to_disk(output_dir)


def _words_per_second(measured: dict[str, Any]) -> float:
    return measured["words"] / measured["predict_seconds"]
