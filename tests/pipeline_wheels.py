"""Pipelines and their wheels, made without training or building anything."""

import json
import zipfile
from pathlib import Path

LIGHT_TEXT = "Ilse Vandermeer left Norway."


def make_pipeline_wheel(
    folder: Path, pipeline_dir: Path, *, name: str = "llama_crf_ner", version: str = "0.1.0"
) -> Path:
    """Write the wheel of a saved pipeline as `package` lays it out, without building anything."""
    package = f"en_{name}"
    root = f"{package}/{package}-{version}"
    meta = json.loads((pipeline_dir / "meta.json").read_text(encoding="utf8"))
    meta |= {"name": name, "version": version}
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\nRequires-Dist: spacy-llama-ner\n"
    wheel = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(path for path in pipeline_dir.rglob("*") if path.is_file()):
            if path.name != "meta.json":
                archive.write(path, f"{root}/{path.relative_to(pipeline_dir).as_posix()}")
        archive.writestr(f"{root}/meta.json", json.dumps(meta))
        archive.writestr(f"{package}/__init__.py", "")
        archive.writestr(f"{package}-{version}.dist-info/METADATA", metadata)
        archive.writestr(
            f"{package}-{version}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{package}-{version}.dist-info/RECORD", "")
    return wheel


def make_light_pipeline(
    folder: Path, backbone: Path, *, hub_name: str = "unsloth/Llama-3.2-1B-Instruct", inside: bool = False
) -> tuple[Path, list]:
    """Save an untrained pipeline whose backbone, a folder, goes by the name of one on the hub.

    RETURNS (tuple): The pipeline's folder, and the text, label and score of the entities it finds in LIGHT_TEXT.
    """
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed

    fix_random_seed(0)
    nlp = spacy.blank("en")
    block = {
        "@misc": "spacy_llama_ner.HuggingFaceBackbone.v1",
        "name": str(backbone),
        "save_inside": inside,
    }
    nlp.add_pipe("llama_crf_ner", config={"model": {"backbone": block}})
    gold = {"entities": [(0, 15, "PER")]}
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(LIGHT_TEXT), gold)])
    expected = [(ent.text, ent.label_, ent._.score) for ent in nlp(LIGHT_TEXT).ents]
    nlp.to_disk(folder)
    if hub_name != str(backbone):
        manifest = folder / "llama_crf_ner" / "model" / "network.json"
        content = json.loads(manifest.read_text(encoding="utf8"))
        content["backbone"] |= {"name": hub_name, "revision": "a" * 40}
        manifest.write_text(json.dumps(content), encoding="utf8")
        config = (folder / "config.cfg").read_text(encoding="utf8")
        (folder / "config.cfg").write_text(config.replace(str(backbone), hub_name), encoding="utf8")
    return folder, expected
