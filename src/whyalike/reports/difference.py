"""Where two models differ on the same texts, and by which words, as plain data.

``whyalike.diagnosing.diff_models`` makes one. Scores of two models have scales of their own: each
is taken as its distance from the mean in standard deviations (z), over all pairs, or over the
passages of a query.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self

from whyalike.documents import Document, Format, each_without
from whyalike.showing import Shown

FORMAT = Format("whyalike/difference", "difference", "Make it anew.")


@dataclass(frozen=True, slots=True)
class MovedWord:
    """A word and what it adds to the score by each model, in standard deviations of that model."""

    text: str
    side: Literal["left", "right"]
    start: int
    end: int
    before: float
    after: float

    @property
    def moved(self) -> float:
        """How much more it adds by the second model."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class MovedPair:
    """A pair of texts by both models.

    id: its number, or the query's id. before, after: scores. before_z, after_z: the same in
    standard deviations from the mean. before_rank, after_rank: of the right item, of a query.
    words: of both texts, those that moved most first; empty where the pair was not explained.
    """

    id: str
    left: str
    right: str
    before: float
    after: float
    before_z: float
    after_z: float
    before_rank: int | None = None
    after_rank: int | None = None
    words: tuple[MovedWord, ...] = ()

    @property
    def moved(self) -> float:
        """How far the score moved, in standard deviations."""
        return self.after_z - self.before_z


@dataclass(frozen=True, slots=True)
class WordMovement:
    """A word, in lower case, over all explained pairs.

    moved: how much more it adds by the second model, in the mean over the pairs that have it, in
    standard deviations. pairs: how many have it.
    """

    text: str
    moved: float
    pairs: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Difference(Shown, Document):
    """Where two models differ; see ``diff_models``.

    before, after: names of the models. agreement: Spearman's correlation of their scores. pairs:
    all, the farthest moved first. k, found_before, found_after: of queries, how many find a right
    item among the first k. explained: how many pairs were.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "difference"

    before: str
    after: str
    methods: tuple[str, str]
    kind: Literal["pairs", "queries"]
    agreement: float
    explained: int
    pairs: tuple[MovedPair, ...]
    words: tuple[WordMovement, ...]
    k: int | None = None
    found_before: int | None = None
    found_after: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def risen(self) -> tuple[WordMovement, ...]:
        """The words that add more by the second model, most first."""
        return tuple(word for word in self.words if word.moved > 0)

    @property
    def fallen(self) -> tuple[WordMovement, ...]:
        """The words that add less by the second model, least first."""
        return tuple(word for word in reversed(self.words) if word.moved < 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, with what each pair and word moved."""
        return {
            **FORMAT.head(),
            **asdict(self),
            "pairs": [
                {
                    **asdict(pair),
                    "moved": pair.moved,
                    "words": [{**asdict(word), "moved": word.moved} for word in pair.words],
                }
                for pair in self.pairs
            ],
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        pairs = each_without(body.get("pairs"), "moved")
        for pair in pairs if isinstance(pairs, list) else ():
            if isinstance(pair, dict) and "words" in pair:
                pair["words"] = each_without(pair["words"], "moved")
        return super()._from_body({**body, "pairs": pairs} if "pairs" in body else body)

    def __repr__(self) -> str:
        """Return one line."""
        return f"Difference({self.before!r} → {self.after!r}, {len(self.pairs):,} {self.kind})"
