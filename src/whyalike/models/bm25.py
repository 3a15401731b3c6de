"""BM25: how often a query's words stand in a document, and in how few documents they stand."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import MissingExtraError, OptionError, TextError
from whyalike.models.scorer import Capability, Decomposition, OpaqueScorer, TextPair
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText, check_choice
from whyalike.texts import checked_texts, without_surrogates

BM25Method = Literal["lucene", "robertson", "atire", "bm25l", "bm25+"]

MOST_NAMED = 5
"""Terms that a note names."""


@dataclass(frozen=True, slots=True)
class _Formula:
    """A variant of BM25 in two factors of a term's weight, as bm25s has it.

    idf: from the number of documents, and of those with the term. frequency: from how often it
    stands in a document, that document's length relative to the mean (1 - b + b * l / mean), k1 and
    delta.
    """

    idf: Callable[[int, int], float]
    frequency: Callable[[float, float, float, float], float]


def _saturated(count: float, length: float, k1: float, delta: float) -> float:
    del delta
    return count / (k1 * length + count)


FORMULAS: dict[BM25Method, _Formula] = {
    "lucene": _Formula(lambda n, df: math.log(1 + (n - df + 0.5) / (df + 0.5)), _saturated),
    "robertson": _Formula(
        lambda n, df: math.log(max(1.0, (n - df + 0.5) / (df + 0.5))), _saturated
    ),
    "atire": _Formula(
        lambda n, df: math.log(n / df),
        lambda count, length, k1, delta: (k1 + 1) * _saturated(count, length, k1, delta),
    ),
    "bm25l": _Formula(
        lambda n, df: math.log((n + 1) / (df + 0.5)),
        lambda count, length, k1, delta: (
            (k1 + 1) * (count / length + delta) / (k1 + count / length + delta)
        ),
    ),
    "bm25+": _Formula(
        lambda n, df: math.log((n + 1) / df),
        lambda count, length, k1, delta: (k1 + 1) * _saturated(count, length, k1, delta) + delta,
    ),
}


@dataclass(frozen=True, eq=False, slots=True)
class _Terms:
    """The terms of a text, T of them, and where their words stand in it: (T, 2)."""

    terms: tuple[str, ...]
    offsets: "np.ndarray[tuple[int, int], np.dtype[np.intp]]"


class BM25(OpaqueScorer):
    """BM25 over the texts of a catalogue: the left text is the query, the right one the document.

    Statistics and scores are those of the package ``bm25s`` (extra ``bm25``), cut into terms as its
    ``tokenize`` does. A document that is one of the texts has the score that the index gives it;
    for any other the same statistics are put into the same formula (Kamphuis et al. 2020; Lv and
    Zhai 2011). The score is a sum over the query's words, each with the words of the document that
    are the same term: method ``exact`` shows it. A query's word that no text of the catalogue has
    adds nothing, as in any index.

    Parameters
    ----------
    texts : iterable of str
        The documents whose statistics count, such as all descriptions of a catalogue, or
        ``CatalogueIndex.texts()``.
    method : str, default='lucene'
        The variant: ``"lucene"``, ``"robertson"``, ``"atire"``, ``"bm25l"`` or ``"bm25+"``.
    k1 : float, default=1.5
        How slowly repeating a term stops to count; 0 counts presence alone.
    b : float, default=0.75
        How much long documents are held back, 0 to 1.
    delta : float, default=0.5
        What ``"bm25l"`` and ``"bm25+"`` add; the others don't use it.
    stopwords : str | sequence of str, optional
        Words that are no terms: a language that bm25s has a list for, such as ``"english"``, or the
        words themselves, in lower case. None leaves none out.
    stemmer : callable, optional
        From a word in lower case to its term, or an object with ``stemWord``, such as PyStemmer's.
    token_pattern : str, optional
        A regular expression for a word; by default bm25s' own, two characters or more.
    name : str, default='bm25'
        What explanations call it.

    Raises
    ------
    OptionError
        An argument that is not allowed.
    TextError
        No texts, something else than texts, or no term in any.
    MissingExtraError
        The extra ``bm25`` is not installed.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"tokens", "decomposition"})
    argument: ClassVar[str] = "BM25"

    def __init__(
        self,
        texts: Iterable[str],
        *,
        method: BM25Method = "lucene",
        k1: float = 1.5,
        b: float = 0.75,
        delta: float = 0.5,
        stopwords: str | Sequence[str] | None = "english",
        stemmer: Callable[[str], str] | Any | None = None,
        token_pattern: str = r"(?u)\b\w\w+\b",
        name: str = "bm25",
    ) -> None:
        try:
            import bm25s
        except ImportError as error:
            raise MissingExtraError("BM25", "bm25s", "bm25") from error

        check_choice("method", method, get_args(BM25Method))
        for what, value, most in (("k1", k1, None), ("b", b, 1.0), ("delta", delta, None)):
            _check_number(what, value, most)
        self.name, self.method = name, method
        self.k1, self.b, self.delta = float(k1), float(b), float(delta)
        try:
            self._pattern = re.compile(token_pattern)
            if self._pattern.groups > 1:
                raise ValueError(
                    f"token_pattern has {self._pattern.groups} groups, not one or none"
                )
            cut = bm25s.tokenization.Tokenizer(stopwords=stopwords, stemmer=stemmer)
            self._stopwords, self._stemmer = frozenset(cut.stopwords), cut.stemmer
        except (re.error, TypeError, ValueError) as error:
            raise OptionError(
                f"BM25 can't cut texts into terms so ({str(error).rstrip('.')}): give a regular "
                "expression as token_pattern, a language or a list of words as stopwords, and a "
                "function from a word to its term as stemmer."
            ) from error
        documents = [without_surrogates(text) for text in checked_texts(texts)]
        self._vocabulary: dict[str, int] = {}
        ids = [
            [self._vocabulary.setdefault(term, len(self._vocabulary)) for term in cut.terms]
            for cut in map(self._cut, documents)
        ]
        if not self._vocabulary:
            raise TextError(
                f"There are no terms in these {len(documents):,} texts: BM25 needs the texts of a "
                "catalogue to count words in."
            )
        self._mean_length = sum(map(len, ids)) / len(ids)
        self._index = bm25s.BM25(method=method, k1=self.k1, b=self.b, delta=self.delta)
        self._index.index((ids, dict(self._vocabulary)), show_progress=False)
        self._rows: dict[str, int] = {}
        for row, text in enumerate(documents):
            self._rows.setdefault(text, row)

    def __repr__(self) -> str:
        """Return one line."""
        return f"BM25({self.documents:,} texts, method={self.method!r}, k1={self.k1}, b={self.b})"

    @property
    def documents(self) -> int:
        """How many texts the statistics are of."""
        return int(self._index.scores["num_docs"])

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts whose tokens are the words that become terms; a text is read to its end.

        Raises
        ------
        OptionError
            A prompt.
        """
        del long_text
        self._refuse((prompt,))
        return [
            TokenizedText(
                text=text,
                prompt=prompt,
                rows=(),
                offsets=(cut := self._cut(text)).offsets,
                pretokens=np.arange(len(cut.terms), dtype=np.intp),
                truncated=False,
            )
            for text in texts
        ]

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return that there are none. Raises OptionError on any other."""
        found = super().find_prompts(prompts, names)
        self._refuse(found)
        return found

    def _refuse(self, prompts: Sequence[str]) -> None:
        if any(prompts):
            raise OptionError(
                f"{self.name} counts words, and those of a prompt would count as the text's: leave "
                "prompts out."
            )

    def about_blank(self, text: TokenizedText) -> str:
        """Return that the score is 0."""
        del text
        return ", and the score is 0"

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the scores (N,) of N documents, right, for their queries; each query is cut once.

        Raises
        ------
        OptionError
            A prompt.
        """
        del long_text
        self._refuse(prompts)
        places: dict[str, list[int]] = {}
        for place, (query, _) in enumerate(pairs):
            places.setdefault(query, []).append(place)
        scores = np.zeros(len(pairs))
        for query, own in places.items():
            ids = self._known(self._cut(query).terms)
            if not ids:
                continue
            whole: Floats | None = None
            constant = self._constant(ids)
            for place in own:
                text = pairs[place][1]
                if (row := self._rows.get(text)) is not None:
                    whole = self._index.get_scores_from_ids(ids) if whole is None else whole
                    scores[place] = whole[row]
                else:
                    weights = self._weights(self._cut(text).terms, ids)
                    scores[place] = constant + sum(weights[each] for each in ids)
        return scores

    def decompose(
        self, pairs: Sequence[tuple[TokenizedText, TokenizedText]]
    ) -> list[Decomposition]:
        """Return the scores of N pairs as sums over words of both texts that are the same term.

        Each time that the query has a term, the document's weight of it is added, shared evenly
        among the words of the document that are this term. Vectors have an axis for each term.
        What ``"bm25l"`` and ``"bm25+"`` give every document, whether it has the term or not, is of
        no word.
        """
        scores = self.score([(query.text, document.text) for query, document in pairs])
        return [
            self._apart(float(score), query.text, document.text)
            for score, (query, document) in zip(scores, pairs, strict=True)
        ]

    def _apart(self, score: float, query: str, document: str) -> Decomposition:
        left, right = self._cut(query).terms, self._cut(document).terms
        ids, row = self._known(left), self._rows.get(document)
        weights = self._weights(right, ids) if row is None else self._weights_of(row, ids)
        counts = Counter(right)
        axes = {term: axis for axis, term in enumerate(dict.fromkeys((*left, *right)))}
        vectors = [np.eye(max(len(axes), 1))[[axes[t] for t in terms]] for terms in (left, right)]
        shares = np.array(
            [
                weights[self._vocabulary[term]] / counts[term]
                if term in counts and term in self._vocabulary
                else 0.0
                for term in left
            ]
        )
        parts = np.zeros((len(left) + 1, len(right) + 1))
        parts[:-1, :-1] = (vectors[0] @ vectors[1].T) * shares[:, None]
        parts[-1, -1] = constant = self._constant(ids)
        return Decomposition.of_parts(
            score,
            parts,
            (vectors[0], vectors[1]),
            notes=self._notes(left, counts, constant),
        )

    def _notes(
        self, query: tuple[str, ...], document: Counter[str], constant: float
    ) -> tuple[str, ...]:
        notes = []
        shared = [term for term in dict.fromkeys(query) if term in document]
        if not shared:
            notes.append("The two texts have no term in common.")
        if new := [term for term in shared if term not in self._vocabulary]:
            more = f" and {len(new) - MOST_NAMED:,} more" if len(new) > MOST_NAMED else ""
            notes.append(
                f"No text of the catalogue has {', '.join(new[:MOST_NAMED])}{more}: to {self.name} "
                "what both texts share there adds nothing."
            )
        if constant:
            notes.append(
                f"{constant:.4g} of the score is what {self.method} gives every document for this "
                "query, whether it has its words or not."
            )
        return tuple(notes)

    def _cut(self, text: str) -> _Terms:
        """Return the terms of a text, as ``bm25s.tokenize`` gives them, and where they stand."""
        lower = text.lower()
        terms, places = [], []
        group = self._pattern.groups  # With one, the word is that, as in findall.
        for match in self._pattern.finditer(lower):
            word = match.group(group)
            if word and word not in self._stopwords:
                terms.append(word if self._stemmer is None else self._stemmer(word))
                places.append(match.span(group))
        offsets = np.array(places, dtype=np.intp).reshape(-1, 2)
        if len(lower) != len(text):
            # Few characters have a lower case of two, such as the Turkish capital I with a point.
            origin = np.repeat(np.arange(len(text)), [len(each.lower()) for each in text])
            offsets = np.stack([origin[offsets[:, 0]], origin[offsets[:, 1] - 1] + 1], axis=1)
        return _Terms(tuple(terms), offsets)

    def _known(self, terms: Sequence[str]) -> list[int]:
        """Return the numbers of those terms that some text of the catalogue has."""
        return [self._vocabulary[term] for term in terms if term in self._vocabulary]

    def _constant(self, ids: Sequence[int]) -> float:
        """Return what every document has for a query."""
        if self._index.nonoccurrence_array is None:
            return 0.0
        return float(self._index.nonoccurrence_array[list(ids)].astype(np.float64).sum())

    def _weights_of(self, row: int, ids: Iterable[int]) -> dict[int, float]:
        """Return the weights of terms in a document of the index, 0 where it has not the term."""
        data, documents, starts = (
            self._index.scores[name] for name in ("data", "indices", "indptr")
        )
        found = {}
        for term in set(ids):
            own = documents[starts[term] : starts[term + 1]]
            place = int(np.searchsorted(own, row))
            has = place < len(own) and own[place] == row
            found[term] = float(data[starts[term] + place]) if has else 0.0
        return found

    def _weights(self, document: Sequence[str], ids: Iterable[int]) -> dict[int, float]:
        """Return the same for a document that is not in the index, by its statistics."""
        formula, starts = FORMULAS[self.method], self._index.scores["indptr"]
        length = 1 - self.b + self.b * len(document) / self._mean_length
        counts = Counter(self._known(document))
        everywhere = self.method in ("bm25l", "bm25+")
        found = dict.fromkeys(ids, 0.0)
        for term in found:
            if count := counts[term]:
                idf = formula.idf(self.documents, int(starts[term + 1] - starts[term]))
                found[term] = idf * formula.frequency(count, length, self.k1, self.delta)
                if everywhere:
                    found[term] -= idf * formula.frequency(0.0, 1.0, self.k1, self.delta)
        return found


def _check_number(name: str, value: object, most: float | None) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0 or (most is not None and value > most):  # type: ignore[arg-type, operator]
        allowed = "from 0 on" if most is None else f"from 0 to {most:g}"
        raise OptionError(f"{name} is {value!r}; give a number {allowed}.")
