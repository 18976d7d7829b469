"""What is known so far of a config on this machine; each check adds to it."""

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_llama_ner.doctor.batches import Epoch, PieceReader, read_epoch
from spacy_llama_ner.doctor.memory import BatchShape, Item, estimate_memory
from spacy_llama_ner.doctor.plan import Plan
from spacy_llama_ner.doctor.repositories import Repository
from spacy_llama_ner.doctor.shape import build_shape, known_config, read_config

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass
class State:
    """Everything that checks hand on.

    plan (Plan): The config.
    gpu_id (int): The GPU, or -1.
    output (Path): Where training will save.
    device_works (bool): Whether the device was found and can be used.
    repository (Optional[Repository]): The backbone's; None as long as nobody looked.
    reader (Optional[PieceReader]): None as long as there is no tokenizer.
    sums (List[Tuple[BatchShape, List[Item]]]): Expected memory, of a usual and of the largest batch.
    """

    plan: Plan
    gpu_id: int
    output: Path
    device_works: bool = True
    repository: Repository | None = None
    reader: PieceReader | None = None
    sums: list[tuple[BatchShape, list[Item]]] = field(default_factory=list)
    _trunk: "PreTrainedModel | None" = None
    _epoch: Epoch | None = None

    @property
    def available(self) -> bool:
        """Whether the backbone can be loaded."""
        return self.repository is not None and self.repository.available

    @property
    def accumulate(self) -> int:
        """Into how many parts a batch is divided."""
        return self.plan.training["accumulate_gradient"]

    @property
    def device(self) -> "torch.device":
        """Where the network goes."""
        from thinc.api import get_torch_default_device

        return get_torch_default_device()

    @property
    def trunk(self) -> "PreTrainedModel":
        """The backbone without weights, from `config.json` or else from what is known of it.

        RAISES (ValueError): If there is neither, or it does not fit the settings.
        """
        if self._trunk is None:
            source = self.plan.shim.source
            config = read_config(source) if self.available else known_config(source)
            if config is None:
                raise ValueError(
                    f"no estimate: the shape of {source.name} is not known without its config.json"
                )
            self._trunk = build_shape(config, source, self.plan.shim.settings)
        return self._trunk

    @property
    def epoch(self) -> Epoch:
        """The training corpus in batches."""
        if self._epoch is None:
            self._epoch = read_epoch(self.plan)
        return self._epoch

    def expect(self, shape: BatchShape) -> list[Item]:
        """RETURNS (List[Item]): Expected memory for a batch."""
        shim = self.plan.shim
        return estimate_memory(
            self.trunk,
            shim.settings,
            shim.running,
            shape,
            tags=1 + 2 * len(self.plan.labels),
            dropout=self.plan.training["dropout"],
            on_cuda=self.gpu_id >= 0 and platform.system() != "Darwin",
            width=4 if shim.source.dtype == "float32" else 2,
        )
