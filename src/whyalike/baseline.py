"""What a model scores, or where an index finds items, measured and kept for comparison."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from whyalike.catalogue.index import CatalogueIndex
from whyalike.documents import Format, read_object, write_json
from whyalike.errors import FormatError, OptionError
from whyalike.explainer import Explainer
from whyalike.files import write_whole

if TYPE_CHECKING:
    from whyalike.catalogue.search import ItemRank
    from whyalike.models.loading import ModelSource
    from whyalike.models.scorer import Scorer

    Subject = CatalogueIndex | Explainer | Scorer | ModelSource

BASELINE = Format("whyalike/baseline", "baseline", "Write it anew with write_baseline.")

Kind = Literal["pairs", "queries"]

WORDS_KEPT = 5
"""Word pairs that a baseline keeps of a pair, to say which have changed."""

UPDATE = "WHYALIKE_UPDATE_BASELINES"
"""The environment variable with which baselines are written anew and not compared."""


@dataclass(frozen=True, slots=True)
class Case:
    """A pair of texts with its score and the best word pairs; or a query, an item and its rank.

    words: left word, right word and score of each. rank: from 1; None for a pair of texts. first:
    the id of the item that a search puts first.
    """

    left: str
    right: str
    score: float
    words: tuple[tuple[str, str, float], ...] = ()
    rank: int | None = None
    first: str | None = None

    def change_from(self, before: "Case") -> float:
        """Return by how much the score differs, or by how many places the item stands lower."""
        if self.rank is None or before.rank is None:
            return abs(self.score - before.score)
        return float(self.rank - before.rank)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Cases of one kind, as one model gives them."""

    kind: Kind
    model: str
    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        """Refuse cases of another kind, and none."""
        if not self.cases or any((c.rank is None) != (self.kind == "pairs") for c in self.cases):
            raise ValueError(f"its cases are no {self.kind}")

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, whole or not at all. Raises OutputError."""
        said = write_json({**BASELINE.head(), **asdict(self)}, indent=1).encode() + b"\n"
        write_whole(path, lambda stream: stream.write(said))


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Return what ``Baseline.write`` wrote.

    Raises
    ------
    FormatError
        The file is not there, is damaged or no baseline.
    """
    try:
        body = BASELINE.load(path)
    except FormatError as error:
        raise FormatError(
            f"{error} Write one with whyalike.testing.write_baseline(path, model_or_index, cases)."
        ) from error
    with BASELINE.reading(where=os.fspath(path)):
        return Baseline(**read_object(body, Baseline))


def kind_of(subject: "Subject") -> Kind:
    """Return what is measured of it: of an index ranks, of a model scores."""
    return "queries" if isinstance(subject, CatalogueIndex) else "pairs"


def measure(subject: "Subject", cases: Sequence[tuple[str, str]]) -> Baseline:
    """Return what an index finds for queries and ids, or what a model scores pairs of texts.

    Raises
    ------
    OptionError
        The index has no such item, or a search leaves it out.
    TextError, ModelError
        A pair that can't be explained.
    """
    if isinstance(subject, CatalogueIndex):
        model = subject.reader.manifest.model.name
        return Baseline("queries", model, tuple(_rank(subject, *case) for case in cases))
    from whyalike.probing.blind_spots import signed_method

    explainer = subject if isinstance(subject, Explainer) else Explainer(subject)
    found = [
        Case(
            left,
            right,
            one.similarity,
            tuple(
                (one.left.words[pair.left].text, one.right.words[pair.right].text, pair.score)
                for pair in one.pairs[:WORDS_KEPT]
            ),
        )
        for (left, right), one in zip(
            cases, explainer.with_method(signed_method(explainer)).explain_many(cases), strict=True
        )
    ]
    return Baseline("pairs", explainer.model.name, tuple(found))


def standing(index: CatalogueIndex, query: str, id: str) -> "tuple[int, ItemRank]":
    """Return where an item stands in the search for a query, from 1.

    Raises
    ------
    OptionError
        The index has no such item, or the search leaves it out.
    """
    stands = index.rank_of(id, text=query)
    if stands.rank is None:
        raise OptionError(f"A search for {query!r} leaves {id!r} out: {stands.left_out}.")
    return stands.rank, stands


def _rank(index: CatalogueIndex, query: str, id: str) -> Case:
    rank, stands = standing(index, query, id)
    first = index.similar(query, k=1)[0].item.id
    return Case(query, id, stands.similarity, rank=rank, first=first)


def say_change(before: Case, now: Case) -> str:
    """Return what changed of a case, in lines for a message."""
    if now.rank is not None:
        first = "" if now.rank == 1 else f"; {now.first!r} is first"
        return (
            f"  {before.left!r}: {before.right!r} was number {before.rank} and is {now.rank}, with "
            f"{now.score:.4f} (then {before.score:.4f}){first}"
        )
    return (
        f"  {before.left!r:.60} with {before.right!r:.60}: {before.score:.4f} then, "
        f"{now.score:.4f} now ({now.score - before.score:+.4f})\n"
        f"    then: {_say_words(before)}\n    now:  {_say_words(now)}"
    )


def _say_words(case: Case) -> str:
    said = (f"{left} – {right} {score:+.3f}" for left, right, score in case.words)
    return ", ".join(said) or "no words"
