"""The passages of a query in the order of their scores, as plain data: read and written as JSON.

``Explainer.rank`` makes one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from whyalike.comparison import Comparison
from whyalike.documents import Document, Format, read_object
from whyalike.errors import MissingExtraError, OptionError
from whyalike.explanation import Explanation, ScoreKind, TextChunk
from whyalike.showing import Shown
from whyalike.texts import is_mark

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = Format("whyalike/ranking", "ranking", "Make it anew.")

NAMED = 3
"""Pairs of words, and words, that a sentence names."""

SENTENCE_SHOWN = 200
"""Characters of a sentence that is quoted."""


@dataclass(frozen=True, slots=True)
class CarryingSentence:
    """The sentence of a passage that carries its score: characters ``start`` to ``end`` of it.

    fall: what the score loses without it, in units of the score; None where the passage is no more
    than this sentence, or that was not asked of the model. similarity: of the query and this
    sentence, as ``Explainer.highlight`` measures it: in the passage's context where the model pools
    its tokens, else of the sentence alone; None where it was not asked. of: how many sentences of
    the passage the score reads.
    """

    start: int
    end: int
    fall: float | None
    similarity: float | None
    of: int


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage with its score, and why.

    rank: from 1; of equal scores, the one that was given first is first. tied: how many passages
    have this score, itself included. chunk: of a passage read in several, the one that gave the
    score. explanation: of the query, left, and the passage, right; None beyond those that were
    explained, and so is the sentence.
    """

    id: str
    title: str
    text: str
    rank: int
    score: float
    tied: int = 1
    chunk: TextChunk | None = None
    sentence: CarryingSentence | None = None
    explanation: Explanation | None = None

    @property
    def carried_by(self) -> str:
        """The sentence that carries the score, as it stands in the passage; empty without one."""
        return "" if self.sentence is None else self.text[self.sentence.start : self.sentence.end]

    @property
    def pairs(self) -> tuple[tuple[str, str, float], ...]:
        """The pairs of words that carry the score: of the query, of the passage, what they add.

        Marks are left out, and pairs that look the same are there once.
        """
        if self.explanation is None:
            return ()
        left, right = self.explanation.left.words, self.explanation.right.words
        found: dict[tuple[str, str], tuple[str, str, float]] = {}
        for pair in self.explanation.pairs:
            one, other = left[pair.left].text, right[pair.right].text
            if pair.score > 0 and not (is_mark(one) or is_mark(other)):
                found.setdefault((one.casefold(), other.casefold()), (one, other, pair.score))
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class SizeRank:
    """Where the right passage would stand if all were cut into chunks of one size.

    size: tokens of a chunk at most; None is the passage as it is, cut where the model stops
    reading. rank, score: of the right passage. chunk: the one that gives its score. first: the id
    of the passage that would be first, with its score.
    """

    size: int | None
    rank: int
    score: float
    chunk: TextChunk | None
    first: str
    first_score: float

    @property
    def name(self) -> str:
        """What the size is called: its number of tokens, or ``whole``."""
        return "whole" if self.size is None else f"{self.size:,}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Ranking(Shown, Document):
    """The passages of a query, best first, and what carries the score of the first ones.

    right: the id of the passage that should be first, if that was said. comparison: of the right
    passage, better, with the first one, worse; None where the right one is first, or there is none.
    sizes: the rank of the right passage by size of chunks. long_text: how long passages were read.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "ranking"

    query: str
    model: str
    similarity_function: ScoreKind
    method: str | None
    long_text: str
    passages: tuple[RankedPassage, ...]
    right: str | None = None
    comparison: Comparison | None = None
    sizes: tuple[SizeRank, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> RankedPassage:
        """Return the passage of that id. Raises OptionError where there is none."""
        for passage in self.passages:
            if passage.id == id:
                return passage
        raise OptionError(f"There is no passage {id!r} in this ranking.")

    @property
    def first(self) -> RankedPassage:
        """The passage with the greatest score."""
        return self.passages[0]

    @property
    def explained(self) -> tuple[RankedPassage, ...]:
        """The passages that have explanations, best first."""
        return tuple(each for each in self.passages if each.explanation is not None)

    @property
    def difference(self) -> tuple[tuple[str, float], ...]:
        """The words of the query by what they add to the first passage more than to the right one.

        Those first that add most; empty without a comparison. A word of another passage adds
        together with these.
        """
        if self.comparison is None:
            return ()
        # The margin of a comparison is of the right passage above the first one.
        words = [(word.text, -(word.contribution or 0.0)) for word in self.comparison.query.words]
        return tuple(sorted((each for each in words if not is_mark(each[0])), key=lambda w: -w[1]))

    @property
    def winning(self) -> tuple[tuple[str, float], ...]:
        """The words of the first passage that the right one lacks, with what each adds there.

        Those first that add most; spelling tells, whatever the case. Empty without a comparison.
        """
        if self.comparison is None:
            return ()
        lacking = {word.text.casefold() for word in self.comparison.better.right.words}
        found: dict[str, tuple[str, float]] = {}
        for word in self.comparison.worse.right.words:
            key, adds = word.text.casefold(), word.contribution or 0.0
            if key not in lacking and adds > 0 and not is_mark(word.text):
                found[key] = (
                    found[key][0] if key in found else word.text,
                    (adds + (found[key][1] if key in found else 0.0)),
                )
        return tuple(sorted(found.values(), key=lambda each: -each[1]))

    def sentence(self) -> str:
        """Return what the ranking says, words and ids of the passages in quotation marks."""
        return "".join(f"“{run}”" if word else run for run, word in tell(self))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each passage, best first; what was not explained has None."""
        return [
            {
                "rank": each.rank,
                "id": each.id,
                "score": each.score,
                "tied": each.tied,
                "right": None if self.right is None else each.id == self.right,
                "chunk": None if each.chunk is None else each.chunk.number,
                "chunks": None if each.chunk is None else each.chunk.of,
                "sentence": each.carried_by or None,
                "fall": None if each.sentence is None else each.sentence.fall,
                "words": ", ".join(map(_pair_in_words, each.pairs)) or None,
                "text": each.text,
            }
            for each in self.passages
        ]

    def to_frame(self) -> "DataFrame":
        """Return the rows as a data frame of pandas. Raises MissingExtraError without pandas."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingExtraError("A data frame", "pandas", "catalogue") from error
        return DataFrame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries; what the ranking says, and words that carry scores, too."""
        return {
            **FORMAT.head(),
            "said": self.sentence(),
            "query": self.query,
            "model": self.model,
            "similarity_function": self.similarity_function,
            "method": self.method,
            "long_text": self.long_text,
            "right": self.right,
            "notes": list(self.notes),
            "sizes": [asdict(each) for each in self.sizes],
            "difference": [list(each) for each in self.difference],
            "winning": [list(each) for each in self.winning],
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "passages": [_passage_to_dict(each) for each in self.passages],
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        for name in ("said", "difference", "winning"):
            body.pop(name, None)  # They are said anew.
        given = body.pop("comparison", None)
        passages = tuple(
            _read_passage(each, f"passages[{n}]")
            for n, each in enumerate(_list(body.pop("passages", None), "passages"))
        )
        comparison = None if given is None else Comparison.from_dict(given)
        result = cls(
            **read_object(body, cls, given={"passages": passages, "comparison": comparison})
        )
        if not passages:
            raise ValueError("passages is empty")
        if result.right is not None and all(one.id != result.right for one in passages):
            raise ValueError(f"right is {result.right!r:.60}, and no passage has this id")
        return result

    def to_markdown(self) -> str:
        """Return Markdown for an issue or a chat; texts are escaped and can't command it."""
        return self._rendered("_markdown")

    def __repr__(self) -> str:
        """Return one line: the texts may be long."""
        return (
            f"Ranking(query={self.query!r:.60}, passages={len(self.passages)}, "
            f"first={self.first.id!r:.40}, model={self.model!r})"
        )


def _passage_to_dict(passage: RankedPassage) -> dict[str, Any]:
    explanation = passage.explanation
    return {
        "rank": passage.rank,
        "id": passage.id,
        "title": passage.title,
        "score": passage.score,
        "tied": passage.tied,
        "chunk": None if passage.chunk is None else asdict(passage.chunk),
        "sentence": None if passage.sentence is None else asdict(passage.sentence),
        "carried_by": passage.carried_by,
        "pairs": [list(pair) for pair in passage.pairs],
        "text": passage.text,
        "explanation": None if explanation is None else explanation.to_dict(),
    }


def _list(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} is no list")
    return value


def _read_passage(content: object, where: str) -> RankedPassage:
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is no object")
    said = ("carried_by", "pairs", "explanation")
    plain = {name: value for name, value in content.items() if name not in said}
    given = content.get("explanation")
    explanation = None if given is None else Explanation.from_dict(given)
    read = read_object(plain, RankedPassage, where, given={"explanation": explanation})
    passage = RankedPassage(**read)
    for name, span in (("sentence", passage.sentence), ("chunk", passage.chunk)):
        if span is not None and not 0 <= span.start <= span.end <= len(passage.text):
            raise ValueError(f"{where}.{name} is not in the text")
    return passage


Runs = list[tuple[str, bool]]
"""Runs of a sentence; True on those that are words or ids of the texts."""


def tell(ranking: Ranking) -> Runs:
    """Return what a ranking says as runs of a sentence or two."""
    count = len(ranking.passages)
    right = None if ranking.right is None else ranking[ranking.right]
    first = ranking.first
    if right is None:
        said: Runs = [(first.id, True), (f" is first of {count:,}", False)]
        return [*said, *_through(first), (".", False)]
    if right is first:
        said = [(right.id, True), (f" is first of {count:,}, as it should be", False)]
        return [*said, *_through(first), (".", False)]
    said = [
        (right.id, True),
        (f" is {right.rank:,} of {count:,}, behind ", False),
        (first.id, True),
    ]
    lacking = [(word, True) for word, _ in ranking.winning[:NAMED]]
    if lacking:
        said += [(", which has ", False), *_listed(lacking)]
        said.append((", which it lacks", False) if len(lacking) == 1 else (" besides", False))
    sizes = [each for each in ranking.sizes if each.size is not None and each.rank == 1]
    if sizes:
        named = ", ".join(each.name for each in sizes)
        said.append((f"; in chunks of {named} tokens it would be first", False))
    elif ranking.sizes:
        best = min(ranking.sizes, key=lambda each: each.rank)
        said.append((f"; no size of chunks that was tried makes it first: {best.rank:,}", False))
        said.append((f" at best, by {_size_in_words(best)}", False))
    return [*said, (".", False)]


def _size_in_words(size: SizeRank) -> str:
    return "whole passages" if size.size is None else f"{size.name} tokens"


def _through(passage: RankedPassage) -> Runs:
    named: Runs = [
        (one if one.casefold() == other.casefold() else f"{one} – {other}", True)
        for one, other, _ in passage.pairs[:NAMED]
    ]
    return [(", through ", False), *_listed(named)] if named else []


def _listed(items: Runs) -> Runs:
    said: Runs = []
    for index, item in enumerate(items):
        if index:
            said.append((" and " if index == len(items) - 1 else ", ", False))
        said.append(item)
    return said


def _pair_in_words(pair: tuple[str, str, float]) -> str:
    one, other, _ = pair
    return one if one.casefold() == other.casefold() else f"{one} – {other}"


Size = int | Literal["whole"]
"""Of chunks: tokens at most, or the passage as it is."""
