"""What of a passage answers a query, as plain data: read and written as JSON, HTML and snippets.

``Explainer.highlight`` makes one. Offsets are counted in Python characters (code points), ends
exclusive.
"""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from whyalike.documents import Document, Format
from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.showing import Shown

FORMAT = Format("whyalike/highlights", "highlights", "Make them anew.")

Kind = Literal["same word", "same meaning"]
Reading = Literal["one pass", "windows", "each sentence alone"]
"""How sentences were read: in one pass over the passage, in overlapping windows where it is longer
than the model reads, or each as a text of its own."""

Tags = tuple[str, str]

MARKS: tuple[Tags, ...] = (
    ('<mark class="same-word">', "</mark>"),
    ('<mark class="same-meaning">', "</mark>"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A word of the passage that goes with a word of the query.

    score: 1 for the same word, else the cosine of the two words' vectors. query: (start, end) of
    the word of the query.
    """

    start: int
    end: int
    score: float
    kind: Kind
    query: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of the passage.

    score: how well it answers the query, by which the sentences of one passage are ordered. Where
    the passage was read in one pass, in standard deviations above the mean of its sentences, so
    that it says nothing between passages; else the model's score of the sentence alone.
    similarity: of the query and this sentence, in the passage's context where it was read in one
    pass. words: how many it has. kept: whether it is in the budget; all are where there is none.
    is_heading: whether it is a heading in Markdown, which answers nothing by itself: it stands
    behind all other sentences, whatever its score.
    """

    start: int
    end: int
    score: float
    similarity: float
    words: int
    kept: bool = True
    is_heading: bool = False


@dataclass(frozen=True, kw_only=True, repr=False)
class Highlights(Shown, Document):
    """What of a passage answers a query: its sentences with scores, and words that match.

    sentences: in the passage's order; blank text has none. spans: likewise. similarity: the model's
    score of the query and the whole passage; None where that would have been a pass more. reading:
    how sentences were read. budget: how many words were to be kept at most; None for all.
    unread: from where on the model read nothing of the passage; None where it read all of it.
    """

    _format: ClassVar[Format] = FORMAT
    _shown_as = "highlights"

    query: str
    passage: str
    model: str
    similarity: float | None
    reading: Reading
    sentences: tuple[ScoredSentence, ...]
    spans: tuple[Span, ...]
    budget: int | None = None
    unread: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> ScoredSentence | None:
        """The first of ``ranked``; None of a passage without any sentence."""
        return next(iter(self.ranked), None)

    @property
    def ranked(self) -> tuple[ScoredSentence, ...]:
        """The sentences, the highest score first, and headings last; of equal ones, the earlier."""
        return tuple(sorted(self.sentences, key=lambda one: (one.is_heading, -one.score)))

    @property
    def kept(self) -> tuple[ScoredSentence, ...]:
        """The sentences within the budget, in the passage's order."""
        return tuple(sentence for sentence in self.sentences if sentence.kept)

    @property
    def pruned(self) -> str:
        """The passage's kept sentences in its order; " … " where something was left out between.

        Where all are kept, it is the passage itself.
        """
        if all(sentence.kept for sentence in self.sentences):
            return self.passage
        pieces: list[str] = []
        last = -1
        for place, sentence in enumerate(self.sentences):
            if not sentence.kept:
                continue
            if pieces:
                before = self.sentences[place - 1]
                near = self.passage[before.end : sentence.start]
                pieces.append(near if last == place - 1 else "\n…\n" if "\n" in near else " … ")
            pieces.append(self.text_of(sentence))
            last = place
        return "".join(pieces)

    def text_of(self, part: ScoredSentence | Span) -> str:
        """Return the text of a sentence or of a span of the passage."""
        return self.passage[part.start : part.end]

    def spans_of(self, sentence: ScoredSentence) -> tuple[Span, ...]:
        """Return the spans within a sentence."""
        return tuple(s for s in self.spans if sentence.start <= s.start and s.end <= sentence.end)

    def to_marked(self, *, pre: str = "<mark>", post: str = "</mark>", escape: bool = True) -> str:
        """Return the passage with every span between two tags.

        Parameters
        ----------
        pre, post : str
            What is put before and behind each span, as it is.
        escape : bool, default=True
            Whether the passage's own characters are escaped for HTML.
        """
        return _marked(self.passage, 0, len(self.passage), self.spans, [(pre, post)], escape=escape)

    def marked_sentence(self, sentence: ScoredSentence) -> str:
        """Return a sentence as HTML with ``<mark>``."""
        return _marked(self.passage, sentence.start, sentence.end, self.spans, MARKS)

    def to_fragment(self) -> str:
        """Return the passage as HTML with ``<mark>``, to be put into a page of your own.

        A mark's class says of which kind it is: ``same-word`` or ``same-meaning``. The best
        sentence is in ``<b>``, those outside of the budget in ``<s>``.
        """
        best, out, last = self.best, [], 0
        for sentence in self.sentences:
            out.append(html.escape(self.passage[last : sentence.start]))
            inside = self.marked_sentence(sentence)
            name = "s" if not sentence.kept else "b" if sentence is best else "span"
            out.append(f'<{name} title="{sentence.score:.3f}">{inside}</{name}>')
            last = sentence.end
        out.append(html.escape(self.passage[last:]))
        return f'<div class="whyalike-highlights" dir="auto">{"".join(out)}</div>'

    def to_elasticsearch(
        self,
        field: str = "text",
        *,
        pre_tags: Sequence[str] = ("<em>",),
        post_tags: Sequence[str] = ("</em>",),
        number_of_fragments: int = 5,
        fragment_size: int = 100,
        encoder: Literal["default", "html"] = "default",
        order: Literal["none", "score"] = "none",
    ) -> dict[str, list[str]]:
        """Return the ``highlight`` object that Elasticsearch and OpenSearch put into a hit.

        As their unified highlighter does, a fragment is a sentence, and neighbours join while both
        together are within ``fragment_size`` characters; unlike there, a longer sentence is whole.
        Fragments are those of kept sentences in which a word matches, the best first to be taken;
        where no word does, the best sentence alone.

        Parameters
        ----------
        field : str, default='text'
            The name that the object gives the fragments.
        pre_tags, post_tags : sequence of str
            What stands before and behind each word that matches: the first of each for the same
            word, the second, where there is one, for the same meaning.
        number_of_fragments : int, default=5
            How many fragments at most; 0 gives one of the whole passage.
        fragment_size : int, default=100
            In characters, without tags; 0 joins nothing.
        encoder : {'default', 'html'}
            ``"html"`` escapes the passage's own characters.
        order : {'none', 'score'}
            ``"score"`` puts the best fragment first, ``"none"`` keeps the passage's order.

        Returns
        -------
        dict
            ``{field: [fragment, …]}``; empty where the passage has no sentence.

        Raises
        ------
        OptionError
            Numbers below 0, no tags, or a choice that there is not.
        """
        check_whole("number_of_fragments", number_of_fragments, least=0)
        check_whole("fragment_size", fragment_size, least=0)
        for name, value, allowed in (
            ("encoder", encoder, ("default", "html")),
            ("order", order, ("none", "score")),
        ):
            if value not in allowed:
                raise OptionError(f"{name} is {value!r}; give {' or '.join(map(repr, allowed))}.")
        for name, tags in (("pre_tags", pre_tags), ("post_tags", post_tags)):
            if isinstance(tags, str) or not tags:
                raise OptionError(f"{name} is {tags!r}; give a list of tags, such as ['<em>'].")
        tagged = list(zip(pre_tags[:2], post_tags[:2], strict=False))
        escape = encoder == "html"
        if not self.sentences:
            return {}
        if not number_of_fragments:
            whole = _marked(self.passage, 0, len(self.passage), self.spans, tagged, escape=escape)
            return {field: [whole]}
        found = sorted(self._fragments(fragment_size), key=lambda each: -each[2])
        matching = [one for one in found if any(one[0] <= s.start < one[1] for s in self.spans)]
        found = (matching or found[:1])[:number_of_fragments]
        if order == "none":
            found.sort(key=lambda each: each[0])
        return {
            field: [
                _marked(self.passage, start, end, self.spans, tagged, escape=escape)
                for start, end, _ in found
            ]
        }

    def _fragments(self, size: int) -> Iterator[tuple[int, int, float]]:
        """Yield (start, end, score) of the fragments of kept sentences, in order.

        One of headings alone comes behind all others.
        """
        open_: tuple[int, int, float] | None = None
        before = -1
        for place, sentence in enumerate(self.sentences):
            if not sentence.kept:
                continue
            score = -math.inf if sentence.is_heading else sentence.score
            joins = open_ is not None and before == place - 1 and sentence.end - open_[0] <= size
            if open_ is not None and joins:
                open_ = open_[0], sentence.end, max(open_[2], score)
            else:
                if open_ is not None:
                    yield open_
                open_ = sentence.start, sentence.end, score
            before = place
        if open_ is not None:
            yield open_

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        result = super()._from_body(body)
        for name, parts in (("sentences", result.sentences), ("spans", result.spans)):
            _check_order(parts, len(result.passage), name)
        for span in result.spans:
            if not 0 <= span.query[0] < span.query[1] <= len(result.query):
                raise ValueError("a span's query is outside of the query")
        return result

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"Highlights(model={self.model!r}, sentences={len(self.sentences)}, "
            f"spans={len(self.spans)}, kept={len(self.kept)})"
        )


def _check_order(parts: Sequence[ScoredSentence | Span], length: int, name: str) -> None:
    """Raise ValueError unless the parts are in order, and within the passage."""
    at = 0
    for n, part in enumerate(parts):
        if not at <= part.start < part.end <= length:
            raise ValueError(f"{name}[{n}] is not at its place in the passage")
        at = part.end


def _marked(
    text: str,
    start: int,
    end: int,
    spans: Sequence[Span],
    tags: Sequence[Tags],
    *,
    escape: bool = True,
) -> str:
    """Return a piece of a text with the spans in it between tags: the first, or those by kind."""
    write = html.escape if escape else str
    pieces, at = [], start
    for span in spans:
        if span.start < start or span.end > end:
            continue
        pre, post = tags[-1 if span.kind == "same meaning" else 0]
        pieces += [write(text[at : span.start]), pre, write(text[span.start : span.end]), post]
        at = span.end
    return "".join([*pieces, write(text[at:end])])
