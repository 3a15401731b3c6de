"""What every renderer says in the same words and numbers."""

import math
from collections.abc import Iterable

from whyalike.explanation import Explanation
from whyalike.render.scale import greatest_of

MOST_DECIMALS = 6
LARGE = 1e12
SHOWN = 80
"""Characters of a prompt."""


def describe_method(explanation: Explanation) -> str:
    """Return the method's name, and what its attributions miss of the sum that they promise."""
    gap = explanation.completeness_gap
    return explanation.method if gap is None else f"{explanation.method}, gap {gap:.1%}"


def describe_gap(explanation: Explanation) -> str:
    """Return the completeness gap in a sentence; nothing for a method that promises no sum."""
    gap = explanation.completeness_gap
    return "" if gap is None else f"Its attributions miss {gap:.1%} of what they should sum to."


def describe_score(similarity: float, function: str) -> str:
    """Return the similarity in words, with the sign explained where higher is less obvious."""
    note = score_note(function)
    said = f"{similarity:.4f}" if abs(similarity) < LARGE else format_number(similarity, 4)
    return f"{function} similarity {said}" + (f" ({note})" if note else "")


def score_note(function: str) -> str:
    """Return what the sign of a distance-like score means, or nothing where it is obvious."""
    return "minus the distance: 0 is identical" if function in ("euclidean", "manhattan") else ""


def describe_sum(explanation: Explanation) -> str:
    """Return how much of the similarity the words carry and what is left; nothing if unknown."""
    if explanation.remainder is None:
        return ""
    carried = format_number(explanation.similarity - explanation.remainder, 3)
    whole = format_number(explanation.similarity, 3)
    rest = format_number(explanation.remainder, 3)
    if explanation.pair_contributions is None:
        return f"Matched words carry {carried} of {whole}; words that match nothing, {rest}."
    return (
        f"Word pairs carry {carried} of {whole}; {rest} is left "
        "(special tokens, or what the model makes of an empty text)."
    )


def describe_prompts(
    prompts: tuple[str, str] | None, *, sides: tuple[str, str] = ("the left text", "the right")
) -> str:
    """Return what stood before the texts as the model read them; nothing where nothing did.

    ``sides`` are what to call the texts.
    """
    if prompts is None or not any(prompts):
        return ""
    said = [repr(prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN]}…") for prompt in prompts]
    if prompts[0] == prompts[1]:
        return f"{said[0]} before both texts"
    both = zip(prompts, said, sides, strict=True)
    return ", ".join(f"{one} before {side}" for prompt, one, side in both if prompt)


def has_contributions(explanation: Explanation) -> bool:
    """Return whether the method says what each word adds to the similarity."""
    words = (*explanation.left.words, *explanation.right.words)
    return any(word.contribution is not None for word in words)


def contribution_decimals(explanation: Explanation) -> int:
    """Return the decimals with which all contributions of the words are written."""
    words = (*explanation.left.words, *explanation.right.words)
    return decimals_for(word.contribution or 0.0 for word in words)


def decimals_for(values: Iterable[float]) -> int:
    """Return how many decimals show two digits of the greatest value: 3 to MOST_DECIMALS."""
    greatest = greatest_of(values)
    if not greatest:
        return 3
    return min(max(3, 1 - math.floor(math.log10(greatest))), MOST_DECIMALS)


def format_number(value: float, digits: int) -> str:
    """Return the number with a true minus sign, and never a negative zero.

    Beyond LARGE, where digits would be a wall, it has a power of ten.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        said = "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    else:
        said = f"{value:z.{digits}f}" if abs(value) < LARGE else f"{value:.3e}"
    return said.replace("-", "\N{MINUS SIGN}")


def format_signed(value: float, digits: int) -> str:
    """Return the number with its sign, plus or a true minus; zero has none."""
    said = format_number(value, digits)
    is_zero = not said.strip("0.")
    return said if is_zero or said == "NaN" or said.startswith("\N{MINUS SIGN}") else f"+{said}"
