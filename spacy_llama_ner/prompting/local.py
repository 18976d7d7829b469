"""A model that answers on this machine."""

from collections.abc import Sequence
from typing import Any

from spacy_llama_ner.prompting.prompt import Message
from spacy_llama_ner.prompting.providers import Reply

# Llama 3's chat template names a date; today's would give other answers each day. This is its own default.
DATE = "26 Jul 2024"


class HuggingFaceProvider:
    """A causal language model of the Hugging Face hub or of a folder, decoded greedily.

    Its tokenizer's chat template is used; without one, the contents are joined by blank lines.

    model (str): Folder or hub name.
    gpu_id (int): GPU, or -1 for the CPU. In bfloat16 on a GPU, else in the model's own precision.
    RAISES (ValueError): If it cannot be loaded.
    """

    name: str = "huggingface"
    base_url: str | None = None

    def __init__(self, model: str, *, gpu_id: int = -1) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model = model
        self._device = torch.device("cpu" if gpu_id < 0 else f"cuda:{gpu_id}")
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model)
            network: Any = AutoModelForCausalLM.from_pretrained(
                model, torch_dtype="auto" if gpu_id < 0 else torch.bfloat16
            )
            self._network = network.to(self._device).eval()
        except (OSError, ValueError) as e:
            raise ValueError(
                f"--model {model} cannot be loaded as a causal language model from a folder or the hub: {e}"
            ) from e

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """See `providers.Provider.ask`."""
        import torch

        ids = self._ids(messages)
        most = getattr(self._network.config, "max_position_embeddings", None)
        room = max_tokens if most is None else min(max_tokens, most - ids.shape[1])
        if room < 1:
            return Reply("", truncated=True, input_tokens=ids.shape[1], output_tokens=0)
        with torch.inference_mode():
            written = self._network.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=room,
                do_sample=False,
                temperature=None,
                top_p=None,
                pad_token_id=self._tokenizer.eos_token_id,
            )[0, ids.shape[1] :]
        ends = self._network.generation_config.eos_token_id
        ended = len(written) > 0 and int(written[-1]) in (ends if isinstance(ends, list) else [ends])
        return Reply(
            self._tokenizer.decode(written, skip_special_tokens=True),
            truncated=not ended,
            input_tokens=ids.shape[1],
            output_tokens=len(written),
        )

    def _ids(self, messages: Sequence[Message]) -> Any:
        """RETURNS (Tensor): Int64, shape (1, P)."""
        if self._tokenizer.chat_template:
            ids = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=True, return_tensors="pt", date_string=DATE
            )
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
            ids = self._tokenizer(text, return_tensors="pt").input_ids
        return ids.to(self._device)
