"""Comparisons: why a model scores one text above another for a query, as plain data and JSON."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib import import_module
from statistics import median
from typing import Any, ClassVar, Literal, Self

from whyalike.documents import (
    Document,
    Format,
    NewerFieldError,
    describe,
    read_value,
    shown,
)
from whyalike.errors import FormatError
from whyalike.explanation import ExplainedText, Explanation
from whyalike.files import PNG, SVG, check_ending, write_whole
from whyalike.showing import Shown
from whyalike.stop_words import stop_words_of
from whyalike.texts import is_mark

COMPARISON = Format("whyalike/comparison", "comparison", "Make it anew.")

Indices = tuple[int, ...]

CARRYING, WORTH_NAMING = 3, 0.25
"""Rows that carry a margin at most, and their least effect as a part of the first's."""


@dataclass(frozen=True, slots=True)
class MarginDeletion:
    """What the model scores once words are deleted: from the query, or from the two texts.

    A similarity is None where no word of a text would have been left.
    """

    query: Indices = field(
        metadata=describe("Indices of the words deleted from the query, in both pairs.", least=0)
    )
    better: Indices = field(
        metadata=describe("The same of the text called better, better.right.", least=0)
    )
    worse: Indices = field(
        metadata=describe("The same of the text called worse, worse.right.", least=0)
    )
    better_similarity: float | None = field(
        metadata=describe(
            "The score of the query and the text called better without these words; the whole "
            "score where none of theirs was deleted. null where no word of a text would have been "
            "left: that was not scored."
        )
    )
    worse_similarity: float | None = field(
        metadata=describe("The same of the query and the text called worse.")
    )

    @property
    def margin(self) -> float | None:
        """The margin without these words; None where one of the scores is unknown."""
        if self.better_similarity is None or self.worse_similarity is None:
            return None
        return self.better_similarity - self.worse_similarity


@dataclass(frozen=True, slots=True)
class MarginChecks:
    """Rows of a comparison whose words were deleted, and those that carry the margin together."""

    rows: tuple[MarginDeletion, ...] = field(
        metadata=describe("One for each row that was checked: of the query, then of the texts.")
    )
    together: MarginDeletion | None = field(
        default=None,
        metadata=describe(
            "The words of the rows that carry most of the margin, all at once; null where that is "
            "one row, or none."
        ),
    )


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A word with all its occurrences, and what it adds: a row of a comparison's tables.

    text: the word as it is written first. query, better, worse: the indices of its occurrences in
    the query or in the two texts. with_better, with_worse: what it adds to either similarity; None
    of a text that has not got it. effect: what it adds to the margin, the first less the second.
    attributed: what the method says that it adds, for which it was chosen to be checked.
    is_checked: whether the numbers are what the scores lose without the word; else they are
    ``attributed``, scaled by what checks of other rows showed. is_connector: it is a mark or a
    function word.
    """

    text: str
    query: Indices
    better: Indices
    worse: Indices
    with_better: float | None
    with_worse: float | None
    effect: float
    attributed: float
    is_checked: bool
    is_connector: bool

    @property
    def count(self) -> int:
        """How often the word stands in the query, or in both texts."""
        return len(self.query) + len(self.better) + len(self.worse)


def order_of(row: ComparisonRow) -> tuple[bool, float]:
    """Return by what rows are sorted: connectors last, and else by the size of the effect."""
    return row.is_connector, -abs(row.effect)


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Shown, Document):
    """Two explanations of one query: with the text that should be scored higher, and the other.

    The query is the left text of both; both give words signed contributions. ``margin`` is the
    difference of the two similarities, below zero if the model does not agree with the names.
    ``checks`` are what the model scores without the words of rows; None where nothing was checked.
    """

    _format: ClassVar[Format] = COMPARISON
    _shown_as = "comparison"

    better: Explanation
    worse: Explanation
    checks: MarginChecks | None = field(
        default=None,
        metadata=describe(
            "What the model scores once the words of rows are deleted. Absent or null where nothing"
            " was checked.",
            where_known=True,
        ),
    )

    def __post_init__(self) -> None:
        """Refuse explanations that are not of one query, by one method and model."""
        for name in ("method", "model", "pooling", "similarity_function", "prompts", "options"):
            one, other = getattr(self.better, name), getattr(self.worse, name)
            # Prompts that were not recorded may be any.
            if one != other and None not in (one, other):
                raise FormatError(
                    f"A comparison needs two explanations of the same {name}; these have "
                    f"{shown(one)} and {shown(other)}."
                )
        if apart := read_apart(self.better, self.worse):
            raise FormatError(apart)
        spans = [[(w.start, w.end) for w in e.left.words] for e in (self.better, self.worse)]
        if self.better.left.text != self.worse.left.text or spans[0] != spans[1]:
            raise FormatError("A comparison needs two explanations with the same left text.")
        if any(
            word.contribution is None
            for e in (self.better, self.worse)
            for side in (e.left, e.right)
            for word in side.words
        ):
            raise FormatError(
                f"The method {shown(self.better.method)} does not say what a word adds to the "
                "score, which a comparison needs: choose whyalike or another signed method."
            )
        self._check_indices()

    def _check_indices(self) -> None:
        """Raise FormatError unless what was deleted are words that exist."""
        checks = self.checks
        if checks is None:
            return
        for one in (*checks.rows, *([] if checks.together is None else [checks.together])):
            for name, indices, side in (
                ("query", one.query, self.better.left),
                ("better", one.better, self.better.right),
                ("worse", one.worse, self.worse.right),
            ):
                if wrong := [n for n in indices if not 0 <= n < len(side.words)]:
                    raise FormatError(
                        f"This comparison is damaged: a check has the word {wrong[0]} of {name}, "
                        f"which has {len(side.words)} words. {COMPARISON.remedy}"
                    )

    @property
    def margin(self) -> float:
        """C(query, better) - C(query, worse), in units of the similarity."""
        return self.better.similarity - self.worse.similarity

    @property
    def swapped(self) -> "Comparison":
        """The same the other way round: better is worse, and the margin has the other sign."""
        checks = self.checks and MarginChecks(
            tuple(map(_swap, self.checks.rows)),
            None if self.checks.together is None else _swap(self.checks.together),
        )
        return Comparison(better=self.worse, worse=self.better, checks=checks)

    @property
    def query(self) -> ExplainedText:
        """The query, each word with what the method says that it adds to the margin.

        Its saliency is that as a part of the greatest of the three texts, -1 to 1.
        """
        return self._in_parts(self.better.left, self._query_effects())

    @property
    def better_text(self) -> ExplainedText:
        """The text called better, each word with what the method says that it adds."""
        return self._in_parts(self.better.right, _contributions(self.better.right))

    @property
    def worse_text(self) -> ExplainedText:
        """The text called worse: a word that adds to its similarity lowers the margin."""
        effects = [-value for value in _contributions(self.worse.right)]
        return self._in_parts(self.worse.right, effects)

    @property
    def query_rows(self) -> tuple[ComparisonRow, ...]:
        """The words of the query, each once, by what they add to the margin; connectors last.

        What a word adds is what the margin loses when all its occurrences are deleted from the
        query, where that was checked.
        """
        first, second = _contributions(self.better.left), _contributions(self.worse.left)
        stops = self._connectors[0]
        found = [
            ComparisonRow(
                text=text,
                query=where,
                better=(),
                worse=(),
                with_better=sum(first[n] for n in where),
                with_worse=sum(second[n] for n in where),
                effect=sum(first[n] - second[n] for n in where),
                attributed=sum(first[n] - second[n] for n in where),
                is_checked=False,
                is_connector=where[0] in stops,
            )
            for text, where in _forms(self.better.left)
        ]
        return self._checked(found)

    @property
    def text_rows(self) -> tuple[ComparisonRow, ...]:
        """The words of both texts, each once, by what they add to the margin; connectors last.

        A word that stands in both draws either text to the query: it is one row, and its effect is
        the difference.
        """
        first, second = _contributions(self.better.right), _contributions(self.worse.right)
        stops = self._connectors[1:]
        named: dict[str, str] = {}
        places: dict[str, tuple[Indices, Indices]] = {}
        for side, text in enumerate((self.better.right, self.worse.right)):
            for name, where in _forms(text):
                key = name.casefold()
                named.setdefault(key, name)
                one, other = places.get(key, ((), ()))
                places[key] = (where, other) if side == 0 else (one, where)
        found = []
        for key, (one, other) in places.items():
            adds = sum(first[n] for n in one), sum(second[n] for n in other)
            found.append(
                ComparisonRow(
                    text=named[key],
                    query=(),
                    better=one,
                    worse=other,
                    with_better=adds[0] if one else None,
                    with_worse=adds[1] if other else None,
                    effect=adds[0] - adds[1],
                    attributed=adds[0] - adds[1],
                    is_checked=False,
                    is_connector=stops[0].issuperset(one) and stops[1].issuperset(other),
                )
            )
        return self._checked(found)

    @property
    def carrying(self) -> tuple[ComparisonRow, ...]:
        """The few rows that carry the margin: of the query, or of the texts where it has none.

        Three at most, each with a quarter of the effect of the first or more; only what was
        checked, where something was. Connectors are not among them if another word is.
        """
        towards = 1 if self.margin >= 0 else -1
        for rows in (self.query_rows, self.text_rows):
            adding = [
                row
                for row in rows
                if row.effect * towards > 0 and (row.is_checked or self.checks is None)
            ]
            if adding:
                first = adding[0]
                return tuple(
                    row
                    for row in adding[:CARRYING]
                    if abs(row.effect) >= WORTH_NAMING * abs(first.effect)
                    and row.is_connector == first.is_connector
                )
        return ()

    @property
    def verdict(self) -> str:
        """Which text is scored higher and what carries that, in a sentence; words in asterisks."""
        return str(import_module("whyalike.render").say_comparison(self))

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries: both explanations, the margin, and the rows that explain it.

        ``query_contributions`` are what the method says that each word of the query adds.
        """
        checks = {} if self.checks is None else {"checks": _plain(asdict(self.checks))}
        return {
            **COMPARISON.head(),
            **({"verdict": verdict} if (verdict := self.verdict) else {}),
            "margin": self.margin,
            "query_contributions": [word.contribution for word in self.query.words],
            "query_rows": [_plain(asdict(row)) for row in self.query_rows],
            "text_rows": [_plain(asdict(row)) for row in self.text_rows],
            "better": self.better.to_dict(),
            "worse": self.worse.to_dict(),
            **checks,
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        # What they say of the margin is worked out anew.
        said = {"verdict", "margin", "query_contributions", "query_rows", "text_rows"}
        for name in body.keys() - said - {"better", "worse", "checks"}:
            raise NewerFieldError(name)
        return cls(
            better=Explanation.from_dict(body.get("better")),
            worse=Explanation.from_dict(body.get("worse")),
            checks=read_value(body.get("checks"), MarginChecks | None, "checks"),
        )

    def to_markdown(self) -> str:
        """Return Markdown for an issue or a chat; texts are escaped and can't command it."""
        return self._rendered("_markdown")

    def to_png(self, path: str | os.PathLike[str], *, dpi: int = 200) -> None:
        """Write the picture as PNG, whole or not at all (extra ``plot``).

        Raises
        ------
        OptionError
            ``path`` has another ending than ``.png``.
        MissingExtraError
            Matplotlib is not installed.
        OutputError
            ``path`` can't be written.
        """
        self._draw(path, format="png", dpi=dpi)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as SVG; as ``to_png``."""
        self._draw(path, format="svg")

    def _draw(
        self, path: str | os.PathLike[str], *, format: Literal["png", "svg"], **settings: Any
    ) -> None:
        check_ending(path, PNG if format == "png" else SVG)
        draw = import_module("whyalike.render").draw_comparison
        write_whole(path, lambda stream: draw(self, stream, format=format, **settings))

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Comparison(margin={self.margin:.4f}, better={self.better.similarity:.4f}, "
            f"worse={self.worse.similarity:.4f}, method={self.better.method!r})"
        )

    def _query_effects(self) -> list[float]:
        return [
            one - other
            for one, other in zip(
                _contributions(self.better.left), _contributions(self.worse.left), strict=True
            )
        ]

    def _in_parts(self, text: ExplainedText, effects: list[float]) -> ExplainedText:
        everything = (
            *self._query_effects(),
            *_contributions(self.better.right),
            *_contributions(self.worse.right),
        )
        greatest = max(map(abs, everything), default=0.0) or 1.0
        words = tuple(
            replace(
                word, saliency=effect / greatest, contribution=effect + 0.0, raw_contribution=None
            )
            for word, effect in zip(text.words, effects, strict=True)
        )
        return replace(text, words=words)

    @cached_property
    def _connectors(self) -> list[frozenset[int]]:
        """Which words of the query and of both texts are marks or stop words."""
        texts = (self.better.left, self.better.right, self.worse.right)
        words = [[word.text for word in text.words] for text in texts]
        return [
            stops | {n for n, word in enumerate(own) if is_mark(word)}
            for own, stops in zip(words, stop_words_of(*words), strict=True)
        ]

    def _checked(self, rows: Sequence[ComparisonRow]) -> tuple[ComparisonRow, ...]:
        """Return rows in their order, with what deletions showed of them, and of others by them."""
        known: Mapping[tuple[Indices, ...], MarginDeletion] = {
            (one.query, one.better, one.worse): one
            for one in (self.checks and self.checks.rows) or ()
        }
        found, scales = [], []
        for row in rows:
            one = known.get((row.query, row.better, row.worse))
            if one is None or one.better_similarity is None or one.worse_similarity is None:
                found.append(row)
                continue
            first = self.better.similarity - one.better_similarity
            second = self.worse.similarity - one.worse_similarity
            if abs(row.attributed) > 0:
                scales.append(abs(first - second) / abs(row.attributed))
            found.append(
                replace(
                    row,
                    with_better=None if row.with_better is None else first,
                    with_worse=None if row.with_worse is None else second,
                    effect=first - second,
                    is_checked=True,
                )
            )
        scale = median(scales) if scales else 1.0
        if scale != 1.0:
            found = [row if row.is_checked else _scaled(row, scale) for row in found]
        return tuple(sorted(found, key=order_of))


def _plain(value: Any) -> Any:
    """Return plain values with lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _scaled(row: ComparisonRow, scale: float) -> ComparisonRow:
    return replace(
        row,
        with_better=None if row.with_better is None else scale * row.with_better,
        with_worse=None if row.with_worse is None else scale * row.with_worse,
        effect=scale * row.attributed,
    )


def _swap(one: MarginDeletion) -> MarginDeletion:
    return MarginDeletion(
        one.query, one.worse, one.better, one.worse_similarity, one.better_similarity
    )


def _forms(text: ExplainedText) -> list[tuple[str, Indices]]:
    """Return each word of a text once, as it is written first, with all its places."""
    places: dict[str, list[int]] = {}
    for n, word in enumerate(text.words):
        places.setdefault(word.text.casefold(), []).append(n)
    return [(text.words[found[0]].text, tuple(found)) for found in places.values()]


def _contributions(text: ExplainedText) -> list[float]:
    return [word.contribution or 0.0 for word in text.words]


def read_apart(better: Explanation, worse: Explanation) -> str:
    """Return why two scores of one query are of other chunks of it; empty where they are not."""
    one, other = better.left.chunk, worse.left.chunk
    if better.left.text != worse.left.text or one is None or other is None or one == other:
        return ""
    return (
        f"The query is read in chunks, and {one} of it gives the better text's score, {other} the "
        "other's, so that there are no words of the query which both scores read: give a shorter "
        "query, or a chunk_size that holds it."
    )
