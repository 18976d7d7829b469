"""What the licences of Llama 3 ask for."""

import pytest

from spacy_llama_ner.release.llama_licence import card_section, llama_version, name_must_begin_with, notice


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("unsloth/Llama-3.2-1B-Instruct", "3.2"),
        ("meta-llama/Meta-Llama-3-8B", "3"),
        ("meta-llama/Llama-3.1-8B", "3.1"),
        ("a/llama3.3", "3.3"),
        ("a/Llama-3.2", "3.2"),
        ("llama-mini", None),
        ("meta-llama/Llama-2-7b", None),
        ("meta-llama/Llama-4-Scout", None),
        ("a/Llama-30B", None),
        ("a/Llama-3.5", None),
        ("TinyLlama/TinyLlama-1.1B", None),
        ("Qwen/Qwen3-0.6B", None),
    ],
)
def test_llama_version(name, version):
    assert llama_version(name) == version


def test_notice_has_the_licence_s_own_words():
    assert notice("3.2") == (
        "Llama 3.2 is licensed under the Llama 3.2 Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved."
    )


def test_card_section():
    section = card_section("3.2", "unsloth/Llama-3.2-1B-Instruct")
    assert section.startswith("## Built with Llama\n")
    assert "https://www.llama.com/llama3_2/license/" in section
    assert notice("3.2") in section


def test_llama_3_has_a_longer_brand():
    assert card_section("3", "a").startswith("## Built with Meta Llama 3\n")
    assert (name_must_begin_with("3"), name_must_begin_with("3.2")) == ("Llama 3", "Llama")
