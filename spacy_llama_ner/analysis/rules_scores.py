"""Rules about missed against spurious entities, and about what the scores know."""

from collections import Counter
from collections.abc import Iterator, Sequence

from spacy_llama_ner.analysis.advice import MAX_P, MIN_COUNT, MIN_LIFT, Advice, contrast, share
from spacy_llama_ner.analysis.types import CORRECT, MISSED, SPURIOUS, Outcome

LOW_SCORE = 0.5
HIGH_SCORE = 0.9


def missed_or_spurious(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Many more missed entities than spurious ones, or the other way round."""
    from scipy.stats import binomtest

    by_kind = {kind: [x for x in outcomes if x.kind == kind] for kind in (MISSED, SPURIOUS)}
    counts = {kind: len(errors) for kind, errors in by_kind.items()}
    more, fewer = (MISSED, SPURIOUS) if counts[MISSED] > counts[SPURIOUS] else (SPURIOUS, MISSED)
    if counts[more] < max(MIN_COUNT, MIN_LIFT * counts[fewer]):
        return
    p = float(binomtest(counts[more], sum(counts.values())).pvalue)
    if p > MAX_P:
        return
    label, most = Counter(error.entity.label for error in by_kind[more]).most_common(1)[0]
    finding = (
        f"{counts[more]:,} entities are {more} and {counts[fewer]:,} {fewer}; the commonest label of those "
        f"{more} is {label} ({most:,})."
    )
    evidence = {**counts, "label": label, "label_errors": most, "p": p}
    if more == MISSED:
        reason = "The pipeline holds back: what does not look like a name from training is passed over."
        to_try = (
            f"More training sentences with {label}; more max_epochs or a higher learn_rate, if the loss is "
            "still falling; look for entities that the training corpus does not mark (check-corpus)."
        )
    else:
        low = sum(x.score is not None and x.score < LOW_SCORE for x in by_kind[SPURIOUS])
        evidence["low_scores"] = low
        reason = (
            "The pipeline takes words for names that are none, or the corpus does not mark all of its names."
        )
        to_try = (
            f"Leave out entities with a low score: {low:,} of the spurious ones are below {LOW_SCORE}. Look "
            "whether the others are names that the annotation forgot; add sentences without entities to "
            "the training corpus."
        )
    yield Advice(f"{more} rather than {fewer}", finding, evidence, reason, to_try, by_kind[more])


def low_scores(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Wrong predictions that a threshold on the score would catch."""
    scored = [outcome for outcome in outcomes if outcome.score is not None]
    found = contrast(scored, group=_is_low, error=_is_wrong)
    if not found.stands_out:
        return
    wrong = len(found.errors) + found.rest_errors
    caught, right = len(found.errors), len(scored) - wrong
    lost = found.size - caught
    yield Advice(
        "low scores",
        f"A score below {LOW_SCORE} would catch {share(caught, wrong)} of the wrong predictions and lose "
        f"{share(lost, right)} of the right ones.",
        {
            **found.evidence,
            "threshold": LOW_SCORE,
            "wrong": wrong,
            "caught": caught,
            "right": right,
            "lost": lost,
            "precision": right / len(scored),
            "precision_above": (right - lost) / found.rest_size,
        },
        "The pipeline itself is in doubt about these.",
        f"Where precision matters more than recall, keep `ent._.score >= {LOW_SCORE}`, or show the rest to "
        f"a person: precision of what is kept goes from {right / len(scored):.1%} to "
        f"{(right - lost) / found.rest_size:.1%}. Choose the threshold on another corpus than the one you "
        "report on.",
        found.errors,
    )


def confident_errors(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """More wrong predictions with high scores than these scores allow for."""
    from scipy.stats import poisson

    confident = [(x, x.score) for x in outcomes if x.score is not None and x.score >= HIGH_SCORE]
    wrong = [outcome for outcome, _ in confident if _is_wrong(outcome)]
    expected = sum(1 - score for _, score in confident)
    # The number of errors among independent predictions of small error probability is nearly Poisson's.
    p = float(poisson.sf(len(wrong) - 1, expected))
    if len(wrong) < max(MIN_COUNT, MIN_LIFT * expected) or p > MAX_P:
        return
    yield Advice(
        "confident errors",
        f"{share(len(wrong), len(confident))} of the predictions with a score from {HIGH_SCORE} on are "
        f"wrong; the scores themselves would allow for {expected:,.0f}.",
        {"errors": len(wrong), "of": len(confident), "expected": expected, "threshold": HIGH_SCORE, "p": p},
        "The scores are too high for text unlike training's, or some of these are errors of the annotation.",
        "Look at these first: what is wrong in the corpus is often among them. Then set the scores' "
        "temperature on dev (calibrate), if it was not set yet.",
        wrong,
    )


def _is_low(outcome: Outcome) -> bool:
    return outcome.score is not None and outcome.score < LOW_SCORE


def _is_wrong(outcome: Outcome) -> bool:
    return outcome.kind != CORRECT
