"""Why a search misses what it should find, as plain data: read and written as JSON.

``whyalike.diagnosing.diagnose`` makes one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, Self, get_args

from whyalike.documents import Document, Format, each_without, without
from whyalike.errors import OptionError
from whyalike.showing import Shown

FORMAT = Format("whyalike/diagnosis", "diagnosis", "Make it anew.")

Cause = Literal["duplicate", "unread", "near tie", "diluted", "vocabulary", "rival word", "unknown"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
"""In the order of precedence: of the tests that hold, the first names the cause."""

MEANING: Mapping[Cause, str] = {
    "duplicate": "what stands before it says the same, to it or to each other",
    "unread": "the answer lies beyond what the model reads",
    "near tie": "no more than a question mark decides",
    "diluted": "its best sentence alone would be found",
    "vocabulary": "words of the query match nothing in it",
    "rival word": "one word carries what stands before it",
    "unknown": "none of the tests holds",
}

ADVICE: Mapping[Cause, str] = {
    "duplicate": "Keep one of several copies, or show copies as one result.",
    "unread": "Cut passages into chunks that the model reads whole.",
    "near tie": "Let a second model decide among the first: a reranker, or BM25 beside the model.",
    "diluted": "Cut passages into smaller chunks.",
    "vocabulary": "Put the words that people ask with into the passage: its title, a line of "
    "synonyms; or train the model on such questions.",
    "rival word": "Put BM25 beside the model, or a reranker behind it.",
    "unknown": "Look at whether the right item is right; else try a reranker, or another model.",
}

Remedied = Literal["copies folded", "chunks", "title", "hybrid", "reranker"]

SUGGESTED: Mapping[Cause, tuple[Remedied, ...]] = {
    "duplicate": ("copies folded",),
    "unread": ("chunks",),
    "near tie": ("hybrid", "reranker"),
    "diluted": ("chunks",),
    "vocabulary": ("title", "hybrid"),
    "rival word": ("hybrid", "reranker"),
    "unknown": ("reranker",),
}
"""Which kinds of remedies a cause suggests."""

FIRST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class CauseTest:
    """A test of one cause: what was changed, and where the right item stood then.

    holds: whether the cause is shown; None where the test was not made, and ``note`` says why.
    rank: of the right item in the changed search. score: what the change gave, such as the best
    sentence's score with the query. needed: what it had to reach. span: characters of the right
    item's text. words: that were deleted. items: ids of other items that the test is about.
    """

    cause: Cause
    holds: bool | None
    rank: int | None = None
    score: float | None = None
    needed: float | None = None
    span: tuple[int, int] | None = None
    words: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of the query, deleted from it.

    right, rival: how much the score of the right item, and of the first wrong one, loses without
    it. rank: of the right item then. usual: the word stands in many of the items or of the queries.
    """

    text: str
    right: float
    rival: float
    rank: int
    usual: bool = False


@dataclass(frozen=True, slots=True)
class AddingWord:
    """A word of an item's text and what it adds to the item's score with the query."""

    text: str
    start: int
    end: int
    adds: float


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item as a search placed it. ``words`` are those that add most, most first.

    read_until: characters of the text that the model reads. rank: from 1; None where a run has not
    the item.
    """

    id: str
    title: str
    text: str
    score: float
    rank: int | None
    read_until: int
    words: tuple[AddingWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Miss:
    """A query whose right item is not among the first k.

    right: ids of all its right items. item: the one that is placed best. rival: the first wrong
    one. bar: the score of the k-th wrong one, which the right one would have to reach. noise: how
    far harmless changes of the query move the right one against the bar.
    """

    id: str
    query: str
    right: tuple[str, ...]
    item: PlacedItem
    rival: PlacedItem
    bar: float
    noise: float
    cause: Cause
    tests: tuple[CauseTest, ...]
    words: tuple[QueryWord, ...] = ()

    @property
    def gap(self) -> float:
        """How much the right item's score lacks."""
        return self.bar - self.item.score

    @property
    def evidence(self) -> CauseTest | None:
        """The test that names the cause; None where none holds."""
        return next((test for test in self.tests if test.cause == self.cause), None)

    @property
    def also(self) -> tuple[Cause, ...]:
        """The other causes whose tests hold."""
        return tuple(test.cause for test in self.tests if test.holds and test.cause != self.cause)


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that was tried on all queries.

    turned: ids of queries that were missed and are found with it. lost: of those that were found
    and are missed with it. measures: of the search with it, by name; empty where not measured.
    """

    name: str
    kind: Remedied
    turned: tuple[str, ...]
    lost: tuple[str, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class SkippedQuery:
    """A query that was read and not searched, and why."""

    id: str
    query: str
    reason: str


@dataclass(frozen=True, slots=True)
class TellingWord:
    """A word that is behind misses.

    misses: in how many of them the test of vocabulary, or of a rival word, names it. turns: in how
    many deleting it from the query alone finds the right item. queries: ids of the misses of both.
    """

    text: str
    misses: int
    turns: int
    queries: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Diagnosis(Shown, Document):
    """Why a search misses what it should find; see ``diagnose``.

    k: a right item among so many is found. items: how many are searched. found: ids of the queries
    that are found. measures: of the search, by name; empty where not measured. source: what placed
    the items: the model itself, or a run from a file.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "diagnosis"

    model: str
    similarity_function: str
    k: int
    items: int
    found: tuple[str, ...]
    misses: tuple[Miss, ...]
    source: Literal["search", "run"] = "search"
    limit: int | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()
    skipped: tuple[SkippedQuery, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> Miss:
        """Return the miss of a query. Raises OptionError where there is none."""
        for miss in self.misses:
            if miss.id == id:
                return miss
        raise OptionError(f"The query {id!r} is no miss of this diagnosis.")

    @property
    def queries(self) -> int:
        """How many were searched."""
        return len(self.found) + len(self.misses)

    @property
    def counts(self) -> dict[Cause, int]:
        """How many misses each cause has, the most frequent first; none without a miss."""
        counted = Counter(miss.cause for miss in self.misses)
        order = sorted(counted, key=lambda cause: (-counted[cause], CAUSES.index(cause)))
        return {cause: counted[cause] for cause in order}

    def turned_by(self, remedy: Remedy) -> dict[Cause, int]:
        """Return how many misses of each cause a remedy turns."""
        turned = set(remedy.turned)
        counted = Counter(miss.cause for miss in self.misses if miss.id in turned)
        return {cause: counted[cause] for cause in self.counts if counted[cause]}

    def remedies_of(self, cause: Cause) -> tuple[Remedy, ...]:
        """Return those tried remedies that a cause suggests, the most turned misses of it first."""
        fitting = [each for each in self.remedies if each.kind in SUGGESTED[cause]]
        return tuple(sorted(fitting, key=lambda each: -self.turned_by(each).get(cause, 0)))

    def turning(self, miss: Miss) -> tuple[Remedy, ...]:
        """Return the remedies that turn one miss."""
        return tuple(each for each in self.remedies if miss.id in each.turned)

    @property
    def suggested_turn(self) -> int:
        """How many misses are turned by a remedy that their own cause suggests."""
        return sum(
            any(each.kind in SUGGESTED[miss.cause] for each in self.turning(miss))
            for miss in self.misses
        )

    @property
    def words(self) -> tuple[TellingWord, ...]:
        """The words behind the misses, those behind most first."""
        named: dict[str, set[str]] = {}
        turning: dict[str, set[str]] = {}
        for miss in self.misses:
            for test in miss.tests:
                if test.holds and test.cause in ("vocabulary", "rival word"):
                    for word in test.words:
                        named.setdefault(word.casefold(), set()).add(miss.id)
            for asked in miss.words:
                if asked.rank <= self.k and not asked.usual:
                    turning.setdefault(asked.text.casefold(), set()).add(miss.id)
        order = [miss.id for miss in self.misses]
        found = []
        for word in {**dict.fromkeys(named), **dict.fromkeys(turning)}:
            both = named.get(word, set()) | turning.get(word, set())
            ids = tuple(id for id in order if id in both)
            found.append(
                TellingWord(word, len(named.get(word, ())), len(turning.get(word, ())), ids)
            )
        return tuple(sorted(found, key=lambda each: (-len(each.queries), -each.turns, each.text)))

    @property
    def first(self) -> tuple[Miss, ...]:
        """The misses to look at first: of each cause, the commonest first, the nearest one.

        Then the second of each, and so on; nearest is by the rank, then by the gap.
        """
        by_cause = {
            cause: sorted(
                (miss for miss in self.misses if miss.cause == cause),
                key=lambda miss: (miss.item.rank is None, miss.item.rank or 0, miss.gap),
            )
            for cause in self.counts
        }
        longest = max(map(len, by_cause.values()), default=0)
        rounds = (of[n] for n in range(longest) for of in by_cause.values() if n < len(of))
        return tuple(rounds)[:FIRST_SHOWN]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, with what is worked out from the rest too."""
        return {
            **FORMAT.head(),
            "model": self.model,
            "similarity_function": self.similarity_function,
            "source": self.source,
            "k": self.k,
            "items": self.items,
            "limit": self.limit,
            "queries": self.queries,
            "measures": dict(self.measures),
            "causes": self.counts,
            "suggested_turn": self.suggested_turn,
            "remedies": [
                {**asdict(each), "turned_by_cause": self.turned_by(each)} for each in self.remedies
            ],
            "words": [asdict(each) for each in self.words],
            "first": [miss.id for miss in self.first],
            "found": list(self.found),
            "misses": [{**asdict(miss), "gap": miss.gap} for miss in self.misses],
            "skipped": [asdict(each) for each in self.skipped],
            "notes": list(self.notes),
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        own = without(body, "queries", "causes", "suggested_turn", "words", "first")
        for name, worked_out in (("remedies", "turned_by_cause"), ("misses", "gap")):
            if name in own:
                own[name] = each_without(own[name], worked_out)
        return super()._from_body(own)

    def to_markdown(self) -> str:
        """Return GitHub-flavoured Markdown."""
        return self._rendered("_markdown")

    def __repr__(self) -> str:
        """Return one line."""
        said = ", ".join(f"{cause}: {count}" for cause, count in self.counts.items())
        return (
            f"Diagnosis({len(self.misses):,} of {self.queries:,} queries missed at k={self.k}"
            f"{': ' if said else ''}{said})"
        )
