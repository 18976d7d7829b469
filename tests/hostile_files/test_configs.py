"""Wrong configs, as users meet them: through `nlp.add_pipe`, `nlp.initialize`, a config file and `spacy train`."""

import json

import pytest
import spacy
from hostile_support import PIPE, TEXT, change_config, run_train
from spacy.training import Example
from spacy.util import fix_random_seed, load_config, load_model_from_config

MODEL = f"components.{PIPE}.model"
BACKBONE = f"{MODEL}.backbone"
WINDOWS = f"{MODEL}.get_spans"
LOSS = f"components.{PIPE}.compound_loss"
COMPONENT = f"components.{PIPE}"


def case(section, key, value, message):
    last = section.rsplit(".", 1)[-1]
    return pytest.param(section, key, value, message, id=f"{last}.{key}={value}")


WRONG_VALUES = [
    # ranks
    case(MODEL, "lora_rank", "0", "^lora_rank: expected a whole number from 1, got 0"),
    case(MODEL, "lora_rank", "-4", "^lora_rank: expected a whole number from 1, got -4"),
    case(MODEL, "lora_rank", "4.5", r"model -> lora_rank\s.*4.5 is not <class 'int'>"),
    case(MODEL, "lora_rank", "4.0", r"model -> lora_rank\s.*4.0 is not <class 'int'>"),
    case(MODEL, "lora_rank", '"4"', "^lora_rank: expected a whole number, got '4'; write it without quotes"),
    case(MODEL, "lora_rank", "true", r"model -> lora_rank\s.*True is not <class 'int'>"),
    case(MODEL, "lora_rank", "four", r"model -> lora_rank\s.*'four' is not <class 'int'>"),
    case(MODEL, "lora_alpha", "0", "^lora_alpha: expected a whole number from 1, got 0"),
    case(
        MODEL, "lora_alpha", '"32"', "^lora_alpha: expected a whole number, got '32'; write it without quotes"
    ),
    case(MODEL, "lora_dropout", "1.0", "^lora_dropout: expected 0 <= rate < 1, got 1.0"),
    case(MODEL, "lora_dropout", "-0.1", "^lora_dropout: expected 0 <= rate < 1, got -0.1"),
    case(
        MODEL, "lora_dropout", '"0.1"', "^lora_dropout: expected a number, got '0.1'; write it without quotes"
    ),
    case(MODEL, "lora_dropout", "nan", "^lora_dropout: expected a number, got 'nan'"),
    # layers
    case(MODEL, "lora_target_modules", "[]", "^lora_target_modules: empty; name at least one linear layer"),
    case(
        MODEL,
        "lora_target_modules",
        '"q_proj"',
        r"^lora_target_modules: expected a list, such as \['q_proj'\]",
    ),
    case(MODEL, "lora_target_modules", "[1]", r"model -> lora_target_modules\s+at 0: 1 is not <class 'str'>"),
    case(MODEL, "lora_target_modules", "null", r"model -> lora_target_modules\s.*None is not"),
    # the loss
    case(LOSS, "crf_weight", "-1", "^Expected crf_weight to be finite and at least 0, got -1"),
    case(LOSS, "crf_weight", '"0.3"', "^crf_weight: expected a number, got '0.3'; write it without quotes"),
    case(LOSS, "crf_weight", "null", r"compound_loss -> crf_weight\s.*None is not <class 'float'>"),
    case(LOSS, "crf_weight", "0", "use_crf = true with crf_weight = 0 would decode with transitions"),
    case(LOSS, "cross_entropy_weight", "NaN", r"E961.*'cross_entropy_weight': nan"),
    case(LOSS, "label_smoothing_weight", "Infinity", r"E961.*'label_smoothing_weight': inf"),
    case(
        LOSS, "label_smoothing_weight", "-0.2", "^Expected label_smoothing_weight to be finite and at least 0"
    ),
    case(LOSS, "smoothing", "1", "^Expected smoothing from 0 to below 1, got 1"),
    case(LOSS, "smoothing", "-0.1", "^Expected smoothing from 0 to below 1, got -0.1"),
    case(LOSS, "smoothing", '"0.1"', "^smoothing: expected a number, got '0.1'; write it without quotes"),
    # names
    case(MODEL, "attention", '"sideways"', '^attention: expected "causal", "bidirectional" or a range'),
    case(MODEL, "attention", '"Causal"', '^attention: expected "causal", "bidirectional" or a range'),
    case(MODEL, "attention", "null", r"model -> attention\s.*None is not <class 'str'>"),
    case(MODEL, "pooling", '"max"', '^pooling: expected one of "first", "last", "mean", got'),
    case(MODEL, "pooling", "3", r"model -> pooling\s.*3 is not <class 'str'>"),
    case(MODEL, "peft", '"dora"', '^peft: expected one of null, "lora", got'),
    case(MODEL, "peft", '"none"', '^peft: expected one of null, "lora", got'),
    case(MODEL, "peft", "true", r"model -> peft\s.*True is not <class 'str'>"),
    case(MODEL, "use_crf", '"maybe"', r"model -> use_crf\s.*'maybe' is not <class 'bool'>"),
    case(MODEL, "freeze_backbone", "2", r"model -> freeze_backbone\s.*2 is not <class 'bool'>"),
    case(
        BACKBONE, "dtype", '"int8"', '^backbone.dtype: expected one of "float32", "bfloat16", "float16", got'
    ),
    case(BACKBONE, "dtype", "null", r"backbone -> dtype\s.*None is not <class 'str'>"),
    case(BACKBONE, "name", '""', "^backbone: name is empty; give a folder or a Hugging Face hub name"),
    case(BACKBONE, "name", '" "', "^backbone: name is empty; give a folder or a Hugging Face hub name"),
    case(BACKBONE, "name", "3", r"backbone -> name\s.*3 is not <class 'str'>"),
    case(BACKBONE, "revision", '""', "^backbone.revision: empty; give a branch, tag or commit, or null"),
    case(BACKBONE, "revision", "3", r"backbone -> revision\s.*3 is not <class 'str'>"),
    case(BACKBONE, "save_inside", '"x"', r"backbone -> save_inside\s.*'x' is not <class 'bool'>"),
    case(COMPONENT, "overwrite", '"x"', r"overwrite\s.*'x' is not <class 'bool'>"),
    # registered functions
    case(MODEL, "@architectures", '"spacy_llama_ner.LlamaCrfTagger.v9"', "E893.*LlamaCrfTagger.v9"),
    case(BACKBONE, "@misc", '"spacy_llama_ner.HuggingFaceBackbone.v9"', "E893.*HuggingFaceBackbone.v9"),
    case(LOSS, "@losses", '"spacy_llama_ner.CompoundLoss.v9"', "E893.*CompoundLoss.v9"),
    case(LOSS, "@losses", '"CategoricalCrossentropy.v3"', r"crf_weight\s+unexpected argument"),
    case(WINDOWS, "@span_getters", '"spacy-transformers.strided_spans.v9"', "E893.*strided_spans.v9"),
    case(COMPONENT, "factory", '"llama_crf_nre"', "E002.*llama_crf_nre"),
    # misspelt keys
    case(COMPONENT, "overwrit", "true", r"overwrit\s+unexpected argument: 'overwrit'"),
    case(MODEL, "lora_rnak", "4", r"model -> lora_rnak\s+unexpected argument: 'lora_rnak'"),
    case(BACKBONE, "nam", '"x"', r"backbone -> nam\s+unexpected argument: 'nam'"),
    case(LOSS, "crf_wieght", "1.0", r"compound_loss -> crf_wieght\s+unexpected argument: 'crf_wieght'"),
    case(WINDOWS, "windo", "1", r"get_spans -> windo\s+unexpected argument: 'windo'"),
    # windows
    case(WINDOWS, "window", "0", "^get_spans: expected 1 <= stride <= window, got window = 0, stride = 96"),
    case(WINDOWS, "window", "-1", "^get_spans: expected 1 <= stride <= window, got window = -1, stride = 96"),
    case(WINDOWS, "stride", "0", "^get_spans: expected 1 <= stride <= window, got window = 128, stride = 0"),
    case(WINDOWS, "stride", "129", "^get_spans: expected 1 <= stride <= window, .* would leave words out"),
    case(WINDOWS, "stride", '"96"', "^get_spans.stride: expected a whole number, got '96'"),
    case(WINDOWS, "window", '"128"', "^get_spans.window: expected a whole number, got '128'"),
    case(WINDOWS, "window", "1.5", r"get_spans -> window\s.*1.5 is not <class 'int'>"),
    # limits
    case(MODEL, "max_window_pieces", "7", "^max_window_pieces: expected at least 8, got 7"),
    case(
        MODEL,
        "max_window_pieces",
        '"64"',
        "^max_window_pieces: expected a number, got '64'; write it without",
    ),
    case(MODEL, "max_window_pieces", "64.5", r"model -> max_window_pieces\s.*64.5 is not <class 'int'>"),
    case(MODEL, "max_batch_pieces", "-1", "^max_batch_pieces: expected at least 8, got -1"),
    case(
        MODEL, "max_batch_pieces", '"64"', "^max_batch_pieces: expected a number, got '64'; write it without"
    ),
    case(MODEL, "max_grad_norm", "-0.1", "^max_grad_norm: expected at least 0, got -0.1"),
    case(
        MODEL, "max_grad_norm", '"1"', "^max_grad_norm: expected a number, got '1'; write it without quotes"
    ),
    case(MODEL, "max_grad_norm", "NaN", r"E961.*'max_grad_norm': nan"),
    case(MODEL, "max_grad_norm", "null", r"model -> max_grad_norm\s.*None is not <class 'float'>"),
]


@pytest.mark.parametrize(("section", "key", "value", "message"), WRONG_VALUES)
def test_wrong_setting_of_a_config_file_is_one_clear_error(project, section, key, value, message):
    change_config(project, section, key, value)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        load_model_from_config(load_config(project / "mini.cfg"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lora_rank": "4"}, "^lora_rank: expected a whole number, got '4'; write it without quotes"),
        ({"lora_target_modules": "q_proj"}, r"^lora_target_modules: expected a list, such as \['q_proj'\]"),
        ({"backbone": None}, r"model -> backbone\s.*None is not <class .*BackboneSource"),
        ({"backbone": "x"}, r"model -> backbone\s.*'x' is not <class .*BackboneSource"),
        ({"get_spans": None}, r"model -> get_spans\s.*None is not collections.abc.Callable"),
        ({"@architectures": "spacy.Tagger.v2"}, r"tok2vec\s+missing required argument"),
        ({"max_grad_norm": float("nan")}, "E961.*'max_grad_norm': nan"),
    ],
    ids=["rank", "layers", "no backbone", "name as backbone", "no windows", "another architecture", "nan"],
)
def test_wrong_model_block_of_add_pipe_is_one_clear_error(config, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        spacy.blank("xx").add_pipe(PIPE, config={"model": config})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"compound_loss": None}, r"compound_loss\s.*None is not <class .*CompoundLoss"),
        ({"compound_loss": 3}, r"compound_loss\s.*3 is not <class .*CompoundLoss"),
        ({"model": None}, r"model\s.*None is not thinc.model.Model"),
        ({"overwrite": None}, r"overwrite\s.*None is not <class 'bool'>"),
        ({"scorer": "x"}, r"scorer\s.*'x' is not <class .*Callable"),
        ({"scorer": {"@scorers": "nope.v1"}}, "E893.*nope.v1"),
    ],
    ids=["no loss", "number as loss", "no model", "overwrite", "text as scorer", "unknown scorer"],
)
def test_wrong_component_block_of_add_pipe_is_one_clear_error(config, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        spacy.blank("xx").add_pipe(PIPE, config=config)


def test_model_of_another_kind_is_refused(project):
    config = load_config(project / "mini.cfg")
    sizes = {"width": 8, "depth": 1, "embed_size": 10, "window_size": 1, "maxout_pieces": 2}
    config["components"][PIPE]["model"] = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "subword_features": True,
        "pretrained_vectors": None,
        **sizes,
    }
    with pytest.raises(ValueError, match=r"expected the architecture spacy_llama_ner.LlamaCrfTagger.v1"):
        load_model_from_config(config)


def initialize(tiny_llama, *, model=None, **settings):
    nlp = spacy.blank("xx")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    nlp.add_pipe(PIPE, config={"model": {"lora_rank": 4, "backbone": backbone, **(model or {})}})
    nlp.config["initialize"]["components"][PIPE] = settings
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": [(0, 10, "PER"), (19, 25, "LOC")]})
    nlp.initialize(lambda: [example])
    return nlp


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"lora_rank": 33}, "^lora_rank: 33 is above the backbone's hidden size, 32"),
        ({"lora_rank": 10**15}, "^lora_rank: 1000.* is above the backbone's hidden size, 32"),
        ({"lora_target_modules": ["c_attn"]}, "no linear layer named c_attn; it has down_proj, .*q_proj"),
        ({"lora_target_modules": ["q_proj", "c_attn"]}, "no linear layer named c_attn; it has"),
        ({"lora_target_modules": ["mlp.q_proj"]}, "no linear layer named mlp.q_proj; it has"),
        ({"lora_target_modules": ["layers.2.self_attn.q_proj"]}, "no linear layer named layers.2.self_attn"),
        ({"lora_target_modules": ["proj"]}, "no linear layer named proj; it has"),
        ({"lora_target_modules": ["self_attn"]}, "no linear layer named self_attn; it has"),
        ({"lora_target_modules": ["embed_tokens"]}, "no linear layer named embed_tokens; it has"),
        ({"lora_target_modules": [""]}, "no linear layer named ''; it has"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_setting_that_does_not_fit_the_backbone_is_one_clear_error(tiny_llama, model, message):
    with pytest.raises(ValueError, match=message):
        initialize(tiny_llama, model=model)


@pytest.mark.parametrize("name", ["layers.1.self_attn.q_proj", "self_attn.q_proj", "q_proj"])
def test_layers_are_named_by_the_end_of_their_full_names(tiny_llama, name):
    network = initialize(tiny_llama, model={"lora_target_modules": [name]}).get_pipe(PIPE).shim.network
    adapted = {weight for weight, _ in network.named_parameters() if "lora_A" in weight}
    assert len(adapted) == (1 if "1" in name else 2)
    assert all(name in weight for weight in adapted)


def test_largest_rank_that_fits_is_taken(tiny_llama):
    assert not initialize(tiny_llama, model={"lora_rank": 32}).get_pipe(PIPE).shim.is_empty


WRONG_LABELS = [
    ("PER", "labels.*'str' instances are not allowed as a Sequence value"),
    ({"PER": 1}, "labels.*Input should be an instance of Sequence"),
    (3, "labels.*Input should be an instance of Sequence"),
    (["PER", 3], "labels -> 1.*Input should be a valid string"),
    ([None], "labels -> 0.*Input should be a valid string"),
    ([["PER"]], "labels -> 0.*Input should be a valid string"),
    (
        [],
        r"labels under \[initialize.components.llama_crf_ner\] is an empty list; name the labels, or remove it",
    ),
    (["PER", "LOC", "PER"], "has PER more than once; name each label once"),
    (["PER", "LOC", ""], "a label is empty"),
    (["PER", "LOC", " \t"], "a label is empty"),
    (
        ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
        "has tags, such as B-PER and I-PER; .* labels alone: PER, LOC",
    ),
    (["PER"], "the examples have entities LOC, which are none of the labels given, PER"),
    (["per", "loc"], "the examples have entities LOC, PER, which are none of the labels given, per, loc"),
]


@pytest.mark.parametrize(
    ("labels", "message"), WRONG_LABELS, ids=[repr(labels) for labels, _ in WRONG_LABELS]
)
def test_wrong_labels_are_one_clear_error(tiny_llama, labels, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        initialize(tiny_llama, labels=labels)


def test_misspelt_key_of_the_initialize_block_is_named(tiny_llama):
    with pytest.raises(ValueError, match=r"llama_crf_ner -> label\s+Extra inputs are not permitted"):
        initialize(tiny_llama, label=["PER"])


def test_component_keeps_its_weights_where_labels_are_refused(tiny_llama):
    nlp = initialize(tiny_llama)
    before = nlp.get_pipe(PIPE).model.predict([nlp.make_doc(TEXT)])[0]
    with pytest.raises(ValueError, match="is an empty list"):
        nlp.get_pipe(PIPE).initialize(lambda: [Example(nlp.make_doc(TEXT), nlp.make_doc(TEXT))], labels=[])
    assert (nlp.get_pipe(PIPE).model.predict([nlp.make_doc(TEXT)])[0] == before).all()


@pytest.mark.parametrize("label", ["New York", "I-95", "O", "労働/a:b|c,d"])
def test_unusual_label_goes_through_training_saving_and_scoring(tiny_llama, tmp_path, label):
    fix_random_seed(0)
    nlp = initialize(tiny_llama, labels=["PER", label, "LOC"])
    train = [
        Example.from_dict(nlp.make_doc(TEXT), {"entities": [(0, 10, label), (19, 25, "PER")]}),
        Example.from_dict(nlp.make_doc("It rained."), {"entities": []}),
    ]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    for _ in range(30):
        nlp.update(train, sgd=optimizer)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    assert [(ent.text, ent.label_) for ent in loaded(TEXT).ents] == [("Anna Kovac", label), ("Berlin", "PER")]
    assert loaded.evaluate(train)["ents_per_type"][label]["f"] == 1.0


@pytest.mark.parametrize(
    ("section", "key", "value", "printed"),
    [
        (MODEL, "lora_rank", "4.5", "lora_rank\tat root: 4.5 is not <class 'int'>"),
        (MODEL, "lora_rnak", "4", "lora_rnak\tunexpected argument: 'lora_rnak'"),
        (f"initialize.components.{PIPE}", "labels", '"PER"', "labels\t'str' instances are not allowed"),
    ],
    ids=["type", "misspelt key", "labels"],
)
def test_train_prints_what_spacy_finds_wrong_and_exits(project, capsys, section, key, value, printed):
    change_config(project, section, key, value)
    with pytest.raises(SystemExit) as stopped:
        run_train(project)
    assert stopped.value.code == 1
    assert printed in capsys.readouterr().out
    assert not list((project / "out").iterdir())


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        (MODEL, "lora_rank", '"4"', "^lora_rank: expected a whole number, got '4'"),
        (MODEL, "lora_target_modules", '["c_attn"]', "^lora_target_modules: .*no linear layer named c_attn"),
        (WINDOWS, "stride", "0", "^get_spans: expected 1 <= stride <= window"),
        (f"initialize.components.{PIPE}", "labels", '["PER", "PER"]', "has PER more than once"),
        (
            BACKBONE,
            "name",
            '"/no/such/folder"',
            "^cannot load the backbone '/no/such/folder': no such folder",
        ),
    ],
    ids=["rank", "layers", "stride", "labels", "backbone"],
)
def test_train_stops_before_anything_is_written(project, section, key, value, message):
    change_config(project, section, key, value)
    with pytest.raises(ValueError, match=message):
        run_train(project)
    assert not list((project / "out").iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('["PER", "LOC", "LOC"]', "has LOC more than once"),
        ('{"labels": ["PER"]}', "labels.*Input should be an instance of Sequence"),
        ("[]", "is an empty list"),
    ],
    ids=["twice", "object", "empty"],
)
def test_wrong_labels_file_is_one_clear_error(tiny_llama, tmp_path, content, message):
    """As `spacy init labels` writes it."""
    (tmp_path / "labels.json").write_text(content, encoding="utf8")
    reader = {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json")}
    with pytest.raises(ValueError, match=f"(?s){message}"):
        initialize(tiny_llama, labels=reader)
