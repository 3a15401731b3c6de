"""What would fit, where more was asked for than a request may cost."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whyalike.web.api.allowance import said

if TYPE_CHECKING:
    from whyalike.methods.method import Method, TextSize
    from whyalike.web.api.served import Kind

NAMED = 3
"""Other methods that are named."""
STEPS = {"shapley": "permutations", "integrated_gradients": "ig_steps"}
"""The option that a method's cost grows with."""

Sizes = Sequence["TextSize"]


def advice(kind: "Kind", pairs: Sequence[Sizes], left: float) -> str:
    """Return what to ask for instead: another method, fewer steps, shorter texts, fewer pairs.

    Args:
        kind: what was asked for.
        pairs: the sizes of the texts of each pair.
        left: how many seconds there are for them.
    """
    ways = []
    if fitting := _methods(kind, pairs, left):
        named = ", ".join(f"{name} ({said(seconds)})" for name, seconds in fitting)
        ways.append(f"choose another method, such as {named}")
    if steps := _steps(kind, pairs, left):
        ways.append(f"at most {steps:,} {STEPS[kind.method]}")
    if words := _words(kind, pairs, left):
        ways.append(f"texts of at most about {words:,} words")
    if len(pairs) > 1 and (count := _pairs(kind, pairs, left)):
        ways.append(f"at most about {count:,} pairs at once")
    if not ways:
        return "choose shorter texts"
    return " or ".join(filter(None, (", ".join(ways[:-1]), ways[-1])))


def _seconds(kind: "Kind", pairs: Sequence[Sizes]) -> float:
    return sum(kind.model.estimate(kind, sizes).seconds for sizes in pairs)


def _methods(kind: "Kind", pairs: Sequence[Sizes], left: float) -> list[tuple[str, float]]:
    """Return methods that fit, and their seconds: those first that promise what was asked for."""
    asked = kind.model.method(kind.method)
    found = []
    for method in kind.model.methods:
        seconds = _seconds(replace(kind, method=method.name), pairs)
        if method != asked and seconds <= left and _explains(method):
            missed = len(set(asked.promises) - set(method.promises))
            found.append((missed, seconds, method.name))
    return [(name, seconds) for _, seconds, name in sorted(found)[:NAMED]]


def _explains(method: "Method") -> bool:
    """Return whether it explains the model: controls and word lists do not."""
    return not (method.lexical or method.summary.startswith("control:"))


def _steps(kind: "Kind", pairs: Sequence[Sizes], left: float) -> int:
    """Return how many steps fit; 0 where none does, or the method has no such option."""
    option = STEPS.get(kind.method)
    if option is None:
        return 0

    def fits(steps: int) -> bool:
        changed: dict[str, Any] = {option: steps}
        options = replace(kind.options, **changed)
        return _seconds(replace(kind, options=options), pairs) <= left

    return _largest(int(getattr(kind.options, option)), fits)


def _words(kind: "Kind", pairs: Sequence[Sizes], left: float) -> int:
    """Return to how many words the longer text would have to be cut, and the other in proportion.

    0 where that would leave less than a few.
    """
    longest = max(size.words for sizes in pairs for size in sizes)

    def fits(words: int) -> bool:
        return _seconds(kind, [_shortened(sizes, words) for sizes in pairs]) <= left

    found = _largest(longest, fits)
    return found if found >= 3 else 0


def _shortened(sizes: Sizes, words: int) -> Sizes:
    return [
        size
        if size.words <= words
        else replace(
            size,
            words=words,
            tokens=size.special + (size.tokens - size.special) * words // size.words,
        )
        for size in sizes
    ]


def _pairs(kind: "Kind", pairs: Sequence[Sizes], left: float) -> int:
    mean = _seconds(kind, pairs) / len(pairs)
    return min(len(pairs) - 1, int(left / mean)) if mean > 0 else 0


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number below ``most`` that fits, where all below it fit too; or 0."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
