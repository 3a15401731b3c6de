"""The methods in plain words: what each answers, what it costs here, and whether to trust it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from whyalike.errors import FormatError, OptionError
from whyalike.evaluation.leaderboard import NAME, Entry, Leaderboard, read_leaderboard
from whyalike.evaluation.suite_choice import METRICS
from whyalike.render.parts import format_number
from whyalike.web.api.estimates import guess_sizes

if TYPE_CHECKING:
    from whyalike.methods.method import Method
    from whyalike.web.api.served import ServedModel

GroupName = Literal["exact", "deleting", "paper", "inside", "control", "other"]
RECOMMENDED = "Recommended"
RECOMMENDED_SAYS = "What this model is explained by unless another is chosen."

GROUPS: Mapping[GroupName, tuple[str, str]] = {
    "exact": ("Exact", "The score as a sum of its parts: nothing is estimated, nothing is left."),
    "deleting": (
        "By deleting words",
        "The model is asked again without a word. It works with any model, and takes many passes.",
    ),
    "paper": ("The paper’s", "The method of the paper, and its parts alone."),
    "inside": (
        "From inside the model",
        "Other methods of the field, by gradients and hidden layers.",
    ),
    "control": (
        "Controls",
        "No explanations: what the model does is not looked at. A method of worth beats them.",
    ),
    "other": ("Others", "Methods that were installed besides."),
}
"""The groups of methods in the order of the menus: what each is called, and what they share."""

WORDS: Mapping[str, tuple[GroupName, str, str]] = {
    "whyalike": (
        "inside",
        "Matched words, and what each adds",
        "Which words of the two texts answer each other, and what does each add to the score?",
    ),
    "exact": (
        "exact",
        "The score’s own sum",
        "Of which words is the score made, to the last digit?",
    ),
    "token_similarity": (
        "exact",
        "The cosine, token by token",
        "Of which pairs of tokens is the cosine the sum? (At the last layer, where a token has "
        "already read its whole text.)",
    ),
    "maxsim": (
        "inside",
        "The best partner of each token",
        "Which token of the other text is most like each one?",
    ),
    "parts": (
        "exact",
        "A fusion, part by part",
        "What does each part of a combined score add, and which words does it go by?",
    ),
    "ranks": (
        "inside",
        "A fusion by ranks",
        "Which part placed the text where it is, and which words does it go by?",
    ),
    "occlusion": (
        "deleting",
        "Each word deleted alone",
        "How much does the score fall when this word is not there?",
    ),
    "shapley": (
        "deleting",
        "Words deleted in many orders",
        "What does this word add on average, whichever others are there?",
    ),
    "bti": (
        "paper",
        "The paper’s own (BTI)",
        "Which words does the gradient of the score point at, and which of them match?",
    ),
    "bti_last_layer": (
        "paper",
        "BTI at the last layer",
        "The same, measured where the model has read the whole text.",
    ),
    "bti_activations": (
        "paper",
        "BTI without its gradient",
        "What is left of it where the score is not looked at?",
    ),
    "bti_gradients": (
        "paper",
        "BTI without its embeddings",
        "What is left of it where only the gradient is looked at?",
    ),
    "gradient_x_activation": (
        "inside",
        "Gradient × hidden state",
        "Which words push the score up or down, by its slope at the last layer?",
    ),
    "integrated_gradients": (
        "inside",
        "Integrated gradients",
        "What does each word add on the way from an empty text to this one?",
    ),
    "integrated_jacobians": (
        "inside",
        "Integrated Jacobians",
        "What does each pair of tokens add on the way from two empty texts to these?",
    ),
    "bilrp": (
        "inside",
        "Relevance of pairs (BiLRP)",
        "From which pairs of words does the score come, followed back through the layers?",
    ),
    "vanilla_gradients": (
        "inside",
        "Plain gradients",
        "At which words is the score most sensitive?",
    ),
    "random": ("control", "Random words", "How good does chance look?"),
    "random_soft": (
        "control",
        "Random words, matched as the recommended method does",
        "How much of it is matching alone?",
    ),
    "idf": (
        "control",
        "Rare words",
        "Would it do to mark the words that are rare in the catalogue?",
    ),
    "tfidf_w2v": (
        "control",
        "Rare words, matched by their vectors",
        "Would it do to look words up, without the model?",
    ),
    "shared_words": (
        "control",
        "Words that both texts have",
        "Would it do to mark the words that are spelled the same?",
    ),
}
"""Of each method: its group, what it is called, and the question that it answers."""

TYPICAL = ("How much does this word add to the score of the two texts, and why?",) * 2
"""Two sentences, for which costs are said."""

DELETION = ("aopc_deletion", "comprehensiveness", "pair_deletion")
"""The metrics by which a method is said to be reliable: how far the score falls without its words,
the first that a run has."""

CONTROL = "random"


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method as menus show it.

    plain: what it is called. answers: the question that it answers. cost: of two sentences here.
    trust: what was measured of it on this model, or "". is_good: what that says; None if nothing.
    """

    name: str
    summary: str
    plain: str
    answers: str
    group: GroupName
    cost: str = ""
    trust: str = ""
    is_good: bool | None = None

    @property
    def option(self) -> tuple[str, str]:
        """What a menu sends, and what it shows: plain words first, the name in code second."""
        return self.name, f"{self.plain} · {self.name}"


@dataclass(frozen=True, slots=True)
class MethodGroup:
    """Methods of a kind, as menus show them."""

    name: str
    says: str
    choices: tuple[MethodChoice, ...]

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """What a menu sends for each, and what it shows."""
        return tuple(one.option for one in self.choices)


def describe_method(
    method: "Method", *, cost: str = "", trust: tuple[str, bool | None] = ("", None)
) -> MethodChoice:
    """Return a method in plain words; one that was installed besides, in its own."""
    plain = method.name.replace("_", " ").capitalize(), f"{method.summary}."
    group, name, answers = WORDS.get(method.name, ("other", *plain))
    return MethodChoice(method.name, method.summary, name, answers, group, cost, *trust)


def choices_of(
    served: "ServedModel", *, signed: bool = False, boards: Sequence[Leaderboard] = ()
) -> list[MethodChoice]:
    """Return the methods that can explain a model, its default first.

    Parameters
    ----------
    served : ServedModel
        The model.
    signed : bool, default=False
        Whether only those are wanted that a comparison can use.
    boards : sequence of Leaderboard, optional
        Finished runs; of those on this model comes what is said of reliability.
    """
    own = [one for one in boards if one.model == served.explainer.model.name]
    return [
        describe_method(
            method,
            cost=say_cost(served, method),
            trust=say_trust(method.name, own, is_control=_is_control(method.name)),
        )
        for method in served.methods
        if not signed or "signed" in method.promises
    ]


def grouped(choices: Sequence[MethodChoice], recommended: str) -> list[MethodGroup]:
    """Return methods by their groups, the recommended one before all others."""
    first = tuple(one for one in choices if one.name == recommended)
    groups = [MethodGroup(RECOMMENDED, RECOMMENDED_SAYS, first)]
    for name, (title, says) in GROUPS.items():
        some = tuple(one for one in choices if one.group == name and one.name != recommended)
        groups.append(MethodGroup(title, says, some))
    return [group for group in groups if group.choices]


def say_cost(served: "ServedModel", method: "Method") -> str:
    """Return what explaining two sentences costs, in time as far as it is known, and in passes."""
    try:
        kind, _ = served.kind(method.name, None)
        sizes = guess_sizes(served.explainer, TYPICAL)
        estimate = served.estimate(kind, sizes)
        passes = method.cost(sizes, kind.options) / max(1, sum(size.tokens for size in sizes))
    except OptionError:
        return ""
    count = max(1, math.ceil(passes))
    reads = f"{count:,} pass{'es' if count > 1 else ''} of the model"
    if not estimate.seconds:
        return reads
    return f"{say_seconds(estimate.seconds)} for two sentences, {reads}"


def say_seconds(seconds: float) -> str:
    """Return a time in the digits that an estimate has."""
    if seconds < 0.1:
        return "under 0.1 s"
    return f"about {format_number(seconds, 1 if seconds < 10 else 0)} s"


def say_trust(
    method: str, boards: Iterable[Leaderboard], *, is_control: bool = False
) -> tuple[str, bool | None]:
    """Return what finished runs say of a method: how much the score falls without its words.

    That is compared with the fall without random words: only where the two intervals do not meet
    is one said to be more than the other.
    """
    found = [
        pair
        for board in boards
        for pair in [_measured(board, method)]
        if pair is not None and not is_control
    ]
    if not found:
        return "", None
    entry, chance = found[0]
    own, other = entry.figure, chance.figure
    assert own is not None
    assert other is not None
    where = f"{entry.dataset}, {own.count:,} pairs"
    falls = f"without its words the score falls by {format_number(own.mean, 3)}, "
    falls += f"without random ones by {format_number(other.mean, 3)} ({where})"
    if own.low > other.high:
        return f"Reliable on this model: {falls}.", True
    return f"Not shown to be better than chance on this model: {falls}.", False


def _measured(board: Leaderboard, method: str) -> tuple[Entry, Entry] | None:
    """Return the figures of a method and of chance by the first metric that the run has of both."""
    for metric in DELETION:
        assert METRICS[metric].higher_is_better
        for dataset in board.datasets:
            by_method = {e.method: e for e in board.tables.get((dataset, metric), ())}
            if method in by_method and CONTROL in by_method:
                return by_method[method], by_method[CONTROL]
    return None


def _is_control(name: str) -> bool:
    return WORDS.get(name, ("other",))[0] == "control"


@dataclass(slots=True)
class Boards:
    """The leaderboards of the results that are served, read anew when their files changed."""

    results: Mapping[str, Path]
    _read: dict[str, tuple[float, Leaderboard]] = field(default_factory=dict)

    def read(self) -> list[Leaderboard]:
        """Return those that can be read; the page of the results says what is wrong with others."""
        return [board for name in self.results for board in self._one(name)]

    def _one(self, name: str) -> Iterable[Leaderboard]:
        path = self.results[name] / NAME
        try:
            changed = path.stat().st_mtime
            known = self._read.get(name)
            if known is None or known[0] != changed:
                known = self._read[name] = changed, read_leaderboard(path)
        except (OSError, FormatError):
            return ()
        return (known[1],)
