"""Tell by its config whether a backbone computes what it did: a fingerprint sees its weights alone.

The same weights with another `rope_theta` or activation give other states, and nothing else would notice. The values
themselves are kept, not a hash of them: another version of transformers may know further settings, and an error can
say which one was changed.
"""

import json
from typing import Any

from transformers import PretrainedConfig

# Settings of training, of heads that the trunk does not have, of memory, and of how weights are rounded at a load.
_IDLE = ("dropout", "classifier", "initializer", "use_cache", "quantization")


def shaping_config(config: PretrainedConfig) -> dict[str, Any]:
    """Take out of a model's config what shapes its states: sizes, activation, norms, positions, windows.

    config (PretrainedConfig): The trunk's.
    RETURNS (Dict[str, Any]): JSON-serializable, defaults included: `model_type`, and the settings of this kind of model
        alone. What every kind has (dtype, special pieces, generation, labels) tells of use, not of arithmetic.
    """
    common = PretrainedConfig().to_dict().keys() - {"model_type"}
    own = {
        name: value
        for name, value in config.to_dict().items()
        if name not in common and not any(part in name for part in _IDLE)
    }
    return json.loads(json.dumps(own))  # as it will be read back: tuples are lists, keys are texts


def config_differences(saved: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """Compare what both know.

    saved (Optional[Dict[str, Any]]): An earlier `shaping_config`; None of a pipeline saved before there was one.
    now (Dict[str, Any]): That of the backbone that was loaded.
    RETURNS (List[str]): One line per setting that differs, such as "rope_scaling.factor: was 32.0, is 8.0".
    """
    return [] if saved is None else _differences(saved, now, prefix="")


def _differences(saved: dict[str, Any], now: dict[str, Any], *, prefix: str) -> list[str]:
    lines = []
    for name in sorted(saved.keys() & now.keys()):
        before, after = saved[name], now[name]
        if isinstance(before, dict) and isinstance(after, dict):
            lines += _differences(before, after, prefix=f"{prefix}{name}.")
        elif before != after:
            lines.append(f"{prefix}{name}: was {json.dumps(before)}, is {json.dumps(after)}")
    return lines
