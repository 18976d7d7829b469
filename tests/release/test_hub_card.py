"""Completing a model card for the hub."""

import pytest
import srsly

from spacy_llama_ner.release.backbones import Backbone
from spacy_llama_ner.release.hub_card import complete_card
from spacy_llama_ner.release.model_card import model_card

META = {"lang": "en", "name": "x", "version": "1.0", "license": "MIT"}
LLAMA = Backbone("tagger", "unsloth/Llama-3.2-1B-Instruct", on_hub=True, inside=False)
OTHER = Backbone("tagger", "owner/bert", on_hub=True, inside=False)
LOCAL = Backbone("tagger", "/models/Llama-3.2-1B", on_hub=False, inside=True)
INSTALL = 'pip install "https://example.org/en_x-1.0-py3-none-any.whl"'


def packaged(**meta):
    return model_card({**META, **meta}, about={}, metrics={})


def front_matter(card):
    return srsly.yaml_loads(card.split("---\n")[1])


def test_complete_card_adds_the_backbone():
    fields = front_matter(complete_card(packaged(), META, backbones=[LLAMA]))
    assert fields["base_model"] == "unsloth/Llama-3.2-1B-Instruct"
    assert fields["license"] == "mit"
    assert {"spacy", "token-classification"} <= set(fields["tags"])


def test_complete_card_of_several_backbones():
    fields = front_matter(complete_card(packaged(), META, backbones=[LLAMA, OTHER, LLAMA]))
    assert fields["base_model"] == ["unsloth/Llama-3.2-1B-Instruct", "owner/bert"]


def test_complete_card_says_what_the_licence_of_llama_asks_for():
    assert "\n\n## Built with Llama\n\n" in complete_card(packaged(), META, backbones=[LLAMA])
    assert "Built with" not in complete_card(packaged(), META, backbones=[OTHER])


def test_complete_card_of_a_local_llama_names_no_path():
    card = complete_card(packaged(), META, backbones=[LOCAL])
    assert "made with Llama-3.2-1B." in card
    assert "/models" not in card
    assert "base_model" not in front_matter(card)


def test_complete_card_without_a_licence_takes_the_backbone_s():
    meta = {**META, "license": ""}
    fields = front_matter(complete_card(packaged(license=""), meta, backbones=[LLAMA]))
    assert fields["license"] == "llama3.2"
    assert "license_name" not in fields


def test_complete_card_puts_in_the_install_command():
    card = complete_card(packaged(), META, backbones=[], install=INSTALL)
    assert f"```bash\n{INSTALL}\n```" in card
    assert "pip install en_x" not in card


def test_complete_card_twice_changes_nothing():
    once = complete_card(packaged(), META, backbones=[LLAMA], install=INSTALL)
    assert complete_card(once, META, backbones=[LLAMA], install=INSTALL) == once


def test_complete_card_keeps_what_is_there():
    card = "---\nlicense: apache-2.0\nbase_model: a/b\nextra: 1\n---\n# Mine\n"
    completed = complete_card(card, {**META, "license": ""}, backbones=[OTHER])
    fields = front_matter(completed)
    assert (fields["license"], fields["base_model"], fields["extra"]) == ("apache-2.0", "a/b", 1)
    assert "license_name" not in fields
    assert completed.endswith("---\n# Mine\n")


def test_complete_card_without_front_matter():
    completed = complete_card("# Mine\n", META, backbones=[])
    assert front_matter(completed)["library_name"] == "spacy"
    assert completed.endswith("---\n\n# Mine\n")


def test_complete_card_writes_a_missing_one():
    assert "# en_x" in complete_card(None, META, backbones=[])


@pytest.mark.parametrize(
    ("header", "reason"), [("a: [", "is not valid YAML"), ("- a", "is not a map of fields")]
)
def test_complete_card_refuses_broken_front_matter(header, reason):
    with pytest.raises(ValueError, match=reason):
        complete_card(f"---\n{header}\n---\n# Mine\n", META, backbones=[])
