"""What a study is made of besides its samples and methods, refused where it can't be: no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from whyalike.errors import OptionError
from whyalike.options import check_choice, check_whole
from whyalike.study.design import KnownAnswers, Shuffle, read_known_answers
from whyalike.study.folder import Shown
from whyalike.study.model import HIGHEST, QUESTION, SCALE, PlanSettings

TextPair = tuple[str, str]

ITEMS_PER_CHECK = 25
MOST_REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What a study is made of besides the samples and the methods.

    seed: of the samples drawn, of ids and of orders.
    count: how many samples; None takes all pairs.
    question: asked on every screen.
    scale: what 1 to 5 mean, lowest first.
    shown: whether all methods show equally many pairs, or each its own selection.
    per_rater: items for one rater; None is every sample by every method.
    checks: how many are mixed in; None is one for 25 items, and 2 at least.
    repeats: items shown again; None is one in ten, and 20 at most.
    known: practice and checks; by default the packaged ones, which are English.

    Raises OptionError on a value that is not allowed.
    """

    seed: int = 0
    count: int | None = None
    question: str = QUESTION
    scale: Sequence[str] = SCALE
    shown: Shown = "equal"
    per_rater: int | None = None
    checks: int | None = None
    repeats: int | None = None
    known: KnownAnswers = field(default_factory=read_known_answers)

    def __post_init__(self) -> None:
        """Refuse what is not allowed, where it is said."""
        check_choice("shown", self.shown, get_args(Shown))
        for name, least in (
            ("seed", 0), ("count", 1), ("per_rater", 1), ("checks", 0), ("repeats", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None or name == "seed":
                check_whole(name, value, least=least)
        if isinstance(self.scale, str) or len(self.scale) != HIGHEST:
            raise OptionError(f"scale is {self.scale!r}; give {HIGHEST} texts, lowest first.")
        for text in (self.question, *self.scale):
            if not isinstance(text, str) or not text.strip():
                raise OptionError(f"{text!r} can't be shown as a question or a scale: give a text.")


def plan_of(options: StudyOptions, methods: Sequence[str], *, samples: int) -> PlanSettings:
    """Return how many screens a rater gets, known before anything is explained.

    Raises OptionError on fewer than two methods, and on more items, checks or repeats than can be.
    """
    if len(methods) < 2 or len(set(methods)) < len(methods):
        raise OptionError(f"methods are {list(methods)!r}; give two or more, each once.")
    stimuli = samples * len(methods)
    items = options.per_rater or stimuli
    if items > stimuli:
        raise OptionError(f"per_rater is {items}, and there are {stimuli} items: give fewer.")
    checks = max(2, items // ITEMS_PER_CHECK) if options.checks is None else options.checks
    most = len(options.known.checks) + samples
    if options.checks is not None and checks > most:
        raise OptionError(
            f"There are at most {most} checks for the {checks} asked for: give fewer, or more of "
            "your own."
        )
    repeats = min(MOST_REPEATS, items // 10) if options.repeats is None else options.repeats
    if repeats > items // 2:
        raise OptionError(
            f"repeats is {repeats}; of {items} items at most {items // 2} can be repeated."
        )
    return PlanSettings(per_rater=options.per_rater, checks=checks, repeats=repeats)


def draw_samples(pairs: Sequence[TextPair], options: StudyOptions) -> list[TextPair]:
    """Return ``options.count`` different pairs, drawn at random. Raises OptionError on too few."""
    different = list(dict.fromkeys((left, right) for left, right in pairs))
    count = len(different) if options.count is None else options.count
    if not 0 < count <= len(different):
        raise OptionError(
            f"There are {len(different)} different pairs of texts, and {max(count, 1)} are asked "
            "for: give more pairs, or a smaller number with -n."
        )
    return Shuffle(str(options.seed)).order(different, "samples")[:count]
