"""`prompt`: entities by asking a language model."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.prompting.cost import Price
    from spacy_llama_ner.prompting.providers import Provider


class ProviderName(StrEnum):
    """Who may be asked."""

    anthropic = "anthropic"
    openai = "openai"
    huggingface = "huggingface"


@app.command("prompt")
def prompt_cli(
    corpus: Annotated[
        Path, Argument(help="Annotated corpus, a .spacy file; its labels are those that count")
    ],
    provider: Annotated[
        ProviderName,
        Option(
            help="anthropic (ANTHROPIC_API_KEY), openai (OPENAI_API_KEY; or a server with its protocol, such as vLLM "
            "or Ollama, by --base-url) or huggingface (a model on this machine)"
        ),
    ],
    model: Annotated[
        str, Option(help="Model: a name of the provider's; a hub name or folder for huggingface")
    ],
    output: Annotated[
        Path, Option("--output", "-o", help="Predictions, a .spacy file; a .json goes beside it")
    ],
    base_url: Annotated[
        str | None, Option(help="Address of the server  [default: OPENAI_BASE_URL or the vendor's]")
    ] = None,
    few_shot: Annotated[int, Option(min=0, help="Answered examples before each question, from --train")] = 0,
    train: Annotated[Path | None, Option(help="Annotated corpus for --few-shot, a .spacy file")] = None,
    limit: Annotated[int, Option(min=0, help="Ask about the first so many docs only; 0 for all")] = 0,
    max_calls: Annotated[int, Option(min=0, help="Most calls of this run, repeated ones included")] = 1000,
    max_tokens: Annotated[int, Option(min=1, help="Longest answer, in tokens")] = 512,
    concurrency: Annotated[int, Option(min=1, help="Calls at a time")] = 1,
    price: Annotated[
        str | None,
        Option(
            help="US dollars for a million tokens read and written, such as 3/15; else the cost is unknown"
        ),
    ] = None,
    cache: Annotated[Path, Option(help="Folder for answers; those in it are not asked for again")] = Path(
        "training/prompts"
    ),
    dry_run: Annotated[bool, Option("--dry-run", help="Show calls and cost, and make no call")] = False,
    seed: Annotated[int, Option(help="Of the choice of examples")] = 0,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU for huggingface, or -1 for the CPU")] = -1,
) -> None:
    """Ask a language model for a corpus's entities, a question a doc; `compare --predictions` scores the answers."""
    with user_errors("Prompting failed"):
        import spacy
        from spacy.tokens import DocBin

        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.prompting.cache import ReplyCache
        from spacy_llama_ner.prompting.cost import parse_price
        from spacy_llama_ner.prompting.prompt import choose_shots
        from spacy_llama_ner.prompting.providers import find_base_url
        from spacy_llama_ner.prompting.run import ask_all, estimate, make_questions, read_replies
        from spacy_llama_ner.replacement import write_whole

        if output.suffix != ".spacy" or output.resolve() == corpus.resolve():
            raise ValueError(
                f"--output {output}: expected a file NAME.spacy that is not the corpus; a NAME.json goes beside it."
            )
        vocab = spacy.blank("en").vocab
        gold = read_gold(corpus, vocab)
        docs = gold[:limit] if limit else gold
        if few_shot and train is None:
            raise ValueError(
                "--few-shot needs --train: a corpus to take the examples from, and not the one that is scored."
            )
        shots = choose_shots(read_gold(train, vocab), few_shot, seed=seed) if few_shot and train else []
        dollars = parse_price(price)
        questions = make_questions(
            docs,
            provider=provider.value,
            model=model,
            base_url=find_base_url(provider.value, base_url),
            max_tokens=max_tokens,
            shots=shots,
            files=_local_files(model, gpu_id) if provider is ProviderName.huggingface else (),
        )
        answers = ReplyCache(cache)
        plan = estimate(questions, answers, dollars)
        _show_plan(plan, max_calls)
        if dry_run:
            return
        replies, effort = ask_all(
            questions,
            lambda: _connect(provider, model, base_url, gpu_id),
            answers,
            max_calls=max_calls,
            concurrency=concurrency,
            progress=_progress(len(docs)),
        )
        labels = {ent.label_ for doc in gold for ent in doc.ents}
        predicted, counts = read_replies(docs, replies, labels=labels)
        read, written = (
            _sum([reply.input_tokens for reply in replies]),
            _sum([r.output_tokens for r in replies]),
        )
        words = sum(map(len, docs))
        result = {
            "provider": provider.value,
            "model": model,
            "corpus": str(corpus),
            "prompt": questions.digest,
            "few_shot": few_shot,
            "docs": len(docs),
            **effort,
            "input_tokens": read,
            "output_tokens": written,
            "cost": _cost(provider, dollars, read, written),
            # Answers from the cache took no time that could be measured.
            "words_per_second": words / effort["seconds"]
            if effort["calls"] and not effort["cached"]
            else None,
            "answers": counts,
        }
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, DocBin(docs=predicted).to_bytes())
        write_whole(output.with_suffix(".json"), (json.dumps(result, indent=2) + "\n").encode())
    _show(result)
    msg.good(f"Saved {len(docs):,} docs to {output}, and what they took to {output.with_suffix('.json')}")
    if limit:
        msg.warn(
            f"The predictions are of the first {len(docs):,} docs alone: they cannot be compared on the whole corpus."
        )


def _connect(provider: ProviderName, model: str, base_url: str | None, gpu_id: int) -> "Provider":
    from spacy_llama_ner.prompting.local import HuggingFaceProvider
    from spacy_llama_ner.prompting.providers import AnthropicProvider, OpenAIProvider

    if provider is ProviderName.huggingface:
        return HuggingFaceProvider(model, gpu_id=gpu_id)
    if provider is ProviderName.anthropic:
        return AnthropicProvider(model, base_url)
    return OpenAIProvider(model, base_url)


def _local_files(model: str, gpu_id: int) -> list[str]:
    """RETURNS (list[str]): Digests of a folder's files, and the number type, which depends on the device."""
    from spacy_llama_ner.comparison.configs import backbone_files
    from spacy_llama_ner.pretraining.once import digest_files

    return ["own" if gpu_id < 0 else "bfloat16", *digest_files(backbone_files(model))]


def _sum(counts: list[int | None]) -> int | None:
    """RETURNS (int | None): None if one is not known: a sum of the others would be too small."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _cost(
    provider: ProviderName, price: "Price | None", read: int | None, written: int | None
) -> float | None:
    if provider is ProviderName.huggingface:
        return 0.0
    return None if price is None or read is None or written is None else price.cost(read, written)


def _progress(total: int) -> Any:
    from tqdm import tqdm

    return lambda replies: tqdm(replies, total=total, unit="doc", disable=None)


def _show_plan(plan: dict[str, Any], max_calls: int) -> None:
    cost = "unknown: give --price" if plan["cost"] is None else f"${plan['cost']:,.2f}"
    rows = [
        ("docs", f"{plan['docs']:,}"),
        ("answers in the cache", f"{plan['cached']:,}"),
        ("calls", f"{plan['calls']:,}"),
        ("tokens to read, estimated", f"{plan['input_tokens']:,}"),
        ("tokens to write, at most", f"{plan['output_tokens']:,}"),
        ("cost, estimated", cost),
    ]
    msg.table(rows, aligns=("l", "r"))
    if plan["calls"] > max_calls:
        msg.warn(f"--max-calls {max_calls:,} will stop the run before its end")


def _show(result: dict[str, Any]) -> None:
    answers = result["answers"]
    cost = "unknown" if result["cost"] is None else f"${result['cost']:,.4f}"
    rows = [
        *(
            (name.replace("_", " "), "unknown" if result[name] is None else f"{result[name]:,}")
            for name in ("calls", "retries", "cached", "input_tokens", "output_tokens")
        ),
        ("cost", cost),
        *((name.replace("_", " "), f"{answers[name]:,}") for name in answers if name != "unknown_types"),
    ]
    msg.table(rows, aligns=("l", "r"))
    if answers["truncated"]:
        msg.warn(
            f"{answers['truncated']:,} answers were cut at --max-tokens; the last line of each is left out"
        )
    if answers["unknown_types"]:
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in answers["unknown_types"].items())
        msg.info(f"Types that stand for no label: {kinds}")
