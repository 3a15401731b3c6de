"""Texts in a language that a model has no tokens for, seen before all of them are embedded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whyalike.catalogue.manifest import policy_of

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

LOOKED_AT = 256
"""Items of a sample."""

FEW = 0.02
"""The share of unknown tokens that is not remarkable: emoji, and letters of other scripts."""


def share_unknown(explainer: "Explainer", texts: Sequence[str]) -> float | None:
    """Return the share of the tokens of texts that stand for what the tokenizer has no token for.

    None where the model shows no tokens, or the texts have none.
    """
    model = explainer.model
    if "tokens" not in model.capabilities:
        return None
    read = model.tokenize(texts, prompt=explainer.prompts[1], long_text=policy_of(explainer))
    tokens = sum(len(text.offsets) for text in read)
    return sum(len(text.unknown) for text in read) / tokens if tokens else None


def say_unknown(explainer: "Explainer", texts: Sequence[str]) -> str | None:
    """Return a sentence on unknown tokens of a sample of texts, or None where there are few."""
    share = share_unknown(explainer, texts)
    if share is None or share <= FEW:
        return None
    return (
        f"{share:.0%} of the tokens of {len(texts):,} texts looked at are unknown to "
        f"{explainer.model.name}: it has no tokens for words or letters of their language, and "
        "reads nothing there. Choose a model that knows the language (--model), such as a "
        "multilingual one."
    )
