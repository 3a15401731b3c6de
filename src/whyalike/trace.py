"""A query's way through the stages of a search, as plain data: read and written as JSON.

``Explainer.trace`` makes one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal, Self

from whyalike.documents import Document, Format, read_object, without
from whyalike.errors import OptionError
from whyalike.explanation import Explanation, ScoreKind
from whyalike.showing import Shown
from whyalike.texts import is_mark

FORMAT = Format("whyalike/trace", "trace", "Make it anew.")

NAMED = 3
"""Pairs of words that a sentence names."""

WORTH_NAMING = 0.25
"""A pair is named if it gained, or has, at least this part of what the first one has."""


@dataclass(frozen=True, slots=True)
class TracedStage:
    """A stage as it ran: what scored how many passages, and how many of them went on.

    name: what the stage is called. model: what scores. scored: passages that it scored. keep: how
    many go on at most, the first of its order; None where all do. part: it is a part of the fusion
    behind it, so that its order is one of several that are fused. method: what explains it; None
    where nothing was explained.
    """

    name: str
    model: str
    similarity_function: ScoreKind
    scored: int
    keep: int | None = None
    part: bool = False
    method: str | None = None


@dataclass(frozen=True, slots=True)
class StageRank:
    """Where a stage put a passage.

    rank: from 1; of equal scores, the one that the stage before put first is first, in the first
    stage the one that was given first. tied: how many passages have this score, itself included.
    kept: whether it went on, or was in the last stage's order. explanation: why the stage's scorer
    gave it that score, of the query, left, and the passage, right; None where it was not asked for.
    """

    score: float
    rank: int
    tied: int = 1
    kept: bool = True
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class WordMove:
    """A pair of words by what a stage makes of it: ``left`` of the query, ``right`` of the passage.

    share: the part, 0 to 1, of all that pairs of words add to the score at this stage. gain: how
    much more that is than at the stage before; without one, the share itself.
    """

    left: str
    right: str
    share: float
    gain: float


Movement = Literal["has", "puts", "lifts", "keeps", "drops"]
"""What a stage does with a passage's rank: has and puts are of one with no rank to compare with."""


@dataclass(frozen=True, slots=True)
class TracedPassage:
    """A passage with its rank after each stage that scored it: those up to the one that cut it."""

    id: str
    title: str
    text: str
    ranks: tuple[StageRank, ...]


def _word_moves(now: Explanation, before: Explanation | None) -> tuple[WordMove, ...]:
    """Return the pairs of words of an explanation, those first whose share grew most."""
    earlier = {} if before is None else _shares(before)
    moves = [
        WordMove(
            now.left.text[left[0] : left[1]],
            now.right.text[right[0] : right[1]],
            share,
            share - earlier.get((left, right), 0.0),
        )
        for (left, right), share in _shares(now).items()
    ]
    found: dict[tuple[str, str], WordMove] = {}
    for move in sorted(moves, key=lambda move: -move.gain):
        # What looks the same is named once.
        found.setdefault((move.left.casefold(), move.right.casefold()), move)
    return tuple(found.values())


Span = tuple[int, int]


def _shares(explanation: Explanation) -> dict[tuple[Span, Span], float]:
    """Return by their spans what each pair of words has of all that pairs of words add."""
    left, right = explanation.left.words, explanation.right.words
    adding = {
        ((one.start, one.end), (other.start, other.end)): pair.score
        for pair in explanation.matches
        if pair.score > 0
        for one, other in [(left[pair.left], right[pair.right])]
        if not (is_mark(one.text) or is_mark(other.text))
    }
    total = sum(adding.values())
    return {spans: score / total for spans, score in adding.items()}


@dataclass(frozen=True, kw_only=True, repr=False)
class Trace(Shown, Document):
    """A query and its passages, with their ranks after each stage of a search.

    passages: in the final order: those that the last stage ranked, then those that were cut, the
    later the better.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "trace"

    query: str
    stages: tuple[TracedStage, ...]
    passages: tuple[TracedPassage, ...]

    def __getitem__(self, id: str) -> TracedPassage:
        """Return the passage of that id. Raises OptionError where there is none."""
        for passage in self.passages:
            if passage.id == id:
                return passage
        raise OptionError(f"There is no passage {id!r} in this trace.")

    def cut_by(self, passage: TracedPassage) -> TracedStage | None:
        """Return the stage that cut a passage; None where all stages ranked it."""
        return None if passage.ranks[-1].kept else self.stages[len(passage.ranks) - 1]

    def before(self, place: int) -> int | None:
        """Return the stage, from 0, whose order a stage goes on from; None where there is none.

        Parts of a fusion go on from no order, and the fusion from those of all.
        """
        fused = self.stages[place].part or (place > 0 and self.stages[place - 1].part)
        return None if fused or not place else place - 1

    def movement(self, passage: TracedPassage, place: int) -> Movement:
        """Return what a stage, from 0, did with the rank that the passage had before it."""
        before = self.before(place)
        if before is None:
            return "puts" if place and not self.stages[place].part else "has"
        was, now = passage.ranks[before].rank, passage.ranks[place].rank
        return "lifts" if now < was else "drops" if now > was else "keeps"

    def moved_by(self, passage: TracedPassage, place: int) -> tuple[WordMove, ...]:
        """Return the pairs of words by which a stage, from 0, moved it, the greatest gain first.

        Scores of two stages have no common scale, and so pairs are compared by their shares. A rank
        depends on the other passages too: this says what counts more here than at the stage before,
        and not what would have to change for another rank. Empty where it was not explained.
        """
        now, before = passage.ranks[place].explanation, self.before(place)
        if now is None:
            return ()
        return _word_moves(now, None if before is None else passage.ranks[before].explanation)

    @property
    def explained(self) -> tuple[TracedPassage, ...]:
        """The passages that have explanations, in the final order."""
        return tuple(p for p in self.passages if any(rank.explanation for rank in p.ranks))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the stages, a sentence each; often empty."""
        return tuple(said for place in range(len(self.stages)) if (said := self._cut_a_tie(place)))

    def _cut_a_tie(self, place: int) -> str:
        here = [p.ranks[place] for p in self.passages if len(p.ranks) > place]
        cut = [rank for rank in here if not rank.kept]
        best = min(cut, key=lambda rank: rank.rank, default=None)
        count = 0 if best is None else sum(rank.score == best.score for rank in here if rank.kept)
        if best is None or not count:
            return ""
        before = "the stage before" if place else "the passages as they were given"
        return (
            f"The cut of {self.stages[place].name} goes through {best.tied:,} passages with one "
            f"score: the order of {before} decided which went on."
        )

    @property
    def verdict(self) -> str:
        """Which passage is first, and by what, in a sentence; titles and words in asterisks."""
        return str(import_module("whyalike.render").say_trace(self))

    def sentence(self, passage: TracedPassage) -> str:
        """Return a passage's way through the stages as a sentence, words in quotation marks."""
        return "".join(f"“{run}”" if word else run for run, word in tell(self, passage))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each passage and stage that scored it, as ``pandas.DataFrame`` takes it.

        ``before`` is the rank after the stage before; None in the first one.
        """
        return [
            {
                "passage": passage.id,
                "stage": self.stages[place].name,
                "score": rank.score,
                "rank": rank.rank,
                "before": None if (was := self.before(place)) is None else passage.ranks[was].rank,
                "tied": rank.tied,
                "kept": rank.kept,
            }
            for passage in self.passages
            for place, rank in enumerate(passage.ranks)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries; of each passage what is said of it, and what moved it, too."""
        return {
            **FORMAT.head(),
            "verdict": self.verdict,
            "query": self.query,
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
            "passages": [self._passage_to_dict(passage) for passage in self.passages],
        }

    def _passage_to_dict(self, passage: TracedPassage) -> dict[str, Any]:
        cut = self.cut_by(passage)
        return {
            "id": passage.id,
            "title": passage.title,
            "text": passage.text,
            "cut_by": None if cut is None else cut.name,
            "sentence": self.sentence(passage),
            "ranks": [
                {
                    "score": rank.score,
                    "rank": rank.rank,
                    "tied": rank.tied,
                    "kept": rank.kept,
                    "movement": self.movement(passage, place),
                    "moved_by": [asdict(move) for move in self.moved_by(passage, place)],
                    "explanation": rank.explanation and rank.explanation.to_dict(),
                }
                for place, rank in enumerate(passage.ranks)
            ],
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        passages = tuple(
            _read_passage(one, f"passages[{n}]")
            for n, one in enumerate(_list(body.get("passages"), "passages"))
        )
        # What is said of them is worked out anew.
        plain = without(body, "notes", "verdict", "passages")
        result = cls(**read_object(plain, cls, given={"passages": passages}))
        for n, passage in enumerate(passages):
            if not 0 < len(passage.ranks) <= len(result.stages):
                raise ValueError(
                    f"passages[{n}].ranks has {len(passage.ranks)} entries, and there are "
                    f"{len(result.stages)} stages"
                )
        return result

    def __repr__(self) -> str:
        """Return one line: the texts may be long."""
        names = " → ".join(stage.name for stage in self.stages)
        return f"Trace(query={self.query!r:.60}, stages={names!r}, passages={len(self.passages)})"


def _list(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} is no list")
    return value


def _read_passage(content: object, where: str) -> TracedPassage:
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is no object")
    plain = {k: v for k, v in content.items() if k not in ("cut_by", "sentence", "ranks")}
    ranks = tuple(
        _read_rank(one, f"{where}.ranks[{n}]")
        for n, one in enumerate(_list(content.get("ranks"), f"{where}.ranks"))
    )
    return TracedPassage(**read_object(plain, TracedPassage, where, given={"ranks": ranks}))


def _read_rank(content: object, where: str) -> StageRank:
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is no object")
    given = content.get("explanation")
    plain = {k: v for k, v in content.items() if k not in ("movement", "moved_by", "explanation")}
    explanation = None if given is None else Explanation.from_dict(given)
    return StageRank(**read_object(plain, StageRank, where, given={"explanation": explanation}))


Runs = list[tuple[str, bool]]
"""Runs of a sentence; True on those that are words of the texts."""


def tell(trace: Trace, passage: TracedPassage) -> Runs:
    """Return a passage's way through the stages as runs of a sentence."""
    said: Runs = []
    for place in range(len(passage.ranks)):
        said += [("; ", False)] if place else []
        said += tell_stage(trace, passage, place)
    cut = trace.cut_by(passage)
    if cut is not None:
        said.append((f", and cuts it: the first {cut.keep:,} go on", False))
    return [*said, (".", False)]


def tell_stage(trace: Trace, passage: TracedPassage, place: int) -> Runs:
    """Return what one stage, from 0, did with a passage and by which words."""
    stage, rank = trace.stages[place], passage.ranks[place]
    movement, before = trace.movement(passage, place), trace.before(place)
    where = f"{ordinal(rank.rank)} of {stage.scored:,}"
    if rank.tied > 1:
        others = "1 other" if rank.tied == 2 else f"{rank.tied - 1:,} others"
        where += f", level with {others}"
    moved = movement in ("lifts", "drops") and before is not None
    was = f"from {ordinal(passage.ranks[before].rank)} to " if moved and before is not None else ""
    said, why = f"{stage.name} {movement} it {was}{where}", _why(trace, passage, place)
    if movement == "lifts" and why and why[0][0] == COUNTING:
        return [(f"{said} through ", False), *why[1:]]
    return [(said, False), *([(" (", False), *why, (")", False)] if why else [])]


COUNTING = "counting "


def _why(trace: Trace, passage: TracedPassage, place: int) -> Runs:
    """Return what is said of the words by which a stage scored, or moved, a passage."""
    explanation = passage.ranks[place].explanation
    if explanation is None:
        return []
    if trace.movement(passage, place) == "drops":
        right = explanation.right
        words = [right.words[index].text for index in right.pulling_apart]
        pulling = list(dict.fromkeys(word for word in words if not is_mark(word)))[:NAMED]
        if pulling:
            return [("held down by ", False), *_listed([[(word, True)] for word in pulling])]
    if explanation.parts:
        return _parts(trace, explanation)
    moves = trace.moved_by(passage, place)
    if not moves:
        return [("it finds nothing in common", False)]
    if all(move.left.casefold() == move.right.casefold() for move in moves):
        named, more = _listed([_pair(move) for move in moves[:NAMED]]), len(moves) > NAMED
        only = "only " if len(moves) == 1 else ""
        rest = " and more in common" if more else " in common"
        return [(f"it finds {only}", False), *named, (rest, False)]
    if trace.movement(passage, place) in ("lifts", "drops") and moves[0].gain > 0:
        counting = [move for move in moves if move.gain >= WORTH_NAMING * moves[0].gain]
    else:
        counting = sorted(moves, key=lambda move: -move.share)
        counting = [move for move in counting if move.share >= WORTH_NAMING * counting[0].share]
    return [(COUNTING, False), *_listed([_pair(move) for move in counting[:NAMED]])]


def _parts(trace: Trace, explanation: Explanation) -> Runs:
    """Return what each part of a fusion adds to the score, by the names that stages have here."""
    names = {stage.model: stage.name for stage in reversed(trace.stages)}
    said = [
        f"{part.contribution:.3g} by {names.get(part.name, part.name)}"
        for part in explanation.parts or ()
    ]
    return _listed([[(each, False)] for each in said])


def _pair(move: WordMove) -> Runs:
    if move.left.casefold() == move.right.casefold():
        return [(move.right, True)]
    return [(f"{move.left} – {move.right}", True)]


def _listed(items: Sequence[Runs]) -> Runs:
    said: Runs = []
    for index, item in enumerate(items):
        if index:
            said.append((" and " if index == len(items) - 1 else ", ", False))
        said += item
    return said


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 11th and so on."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"
