"""Explanations: what users hold, as plain data, read and written as JSON.

Shape letters, defined here and used everywhere:

- B: rows of a batch (one row is one text as the model reads it)
- T: tokens of a row, or of a text
- W: words of a text
- D: features of an input embedding
- H: features of a hidden state

Offsets are counted in Python characters (code points), ends exclusive.

What is checked is read off the dataclasses themselves, so that a field added there is read and
checked here without another word. ``docs/explanation.schema.json`` describes the same for others.
"""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from whyalike.documents import Document, Format, describe, read_object, read_value, shown
from whyalike.files import PNG, SVG, check_ending, write_whole
from whyalike.options import BTIOptions, ExtendedOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Record = TypeVar("Record", "Word", "WordPair")

FORMAT = Format("whyalike/explanation", "explanation", "Make it anew.")
EXPLANATIONS = Format("whyalike/explanations", "list of explanations", "Make it anew.")
SimilarityFunction = Literal["cosine", "dot", "euclidean", "manhattan", "hamming"]
ScoreKind = Literal[SimilarityFunction, "score"]
"""Of two vectors, by their function; ``"score"`` is a scorer's own number, of any range."""


def _rendered(name: str, document: object, **settings: Any) -> str:
    """Return what a function of ``render`` makes of a document; that room is above this one."""
    return str(getattr(import_module("whyalike.render"), name)(document, **settings))


def _draw(
    name: str,
    document: object,
    path: str | os.PathLike[str],
    *,
    format: Literal["png", "svg"],
    **settings: Any,
) -> None:
    """Write the picture that a function of ``render`` draws of a document, whole or not at all."""
    check_ending(path, PNG if format == "png" else SVG)
    draw = getattr(import_module("whyalike.render"), name)
    write_whole(path, lambda stream: draw(document, stream, format=format, **settings))


ALONE = 0.4
"""What the words of a text take from the similarity, each deleted alone, as a part of it: the
median of 96 texts (docs/decisions/0017-the-length-of-a-vector.md). Contributions sum to all."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: ``text`` is exactly ``source[start:end]``, ``saliency`` is unitless.

    ``contribution`` is what the word adds to the similarity, in its units; below zero it pulls the
    texts apart. None for a method that gives no such number. ``raw_contribution`` is the same
    before the method shared evenly among the words what they left of the similarity, so that they
    sum to it; None where nothing was shared.
    """

    text: str = field(
        metadata=describe("The word, exactly the text from start to end.", shortest=1)
    )
    start: int = field(
        metadata=describe(
            "Offset of the word's first character in the text, in code points.", least=0
        )
    )
    end: int = field(
        metadata=describe("Offset behind the word's last character, in code points.", least=1)
    )
    saliency: float = field(
        metadata=describe(
            "How much the word matters for the score, without unit: the greatest of its tokens' "
            "saliencies, which are scaled to 0 (least in this text) to 1 (most). With "
            "contributions: the word's part of the greatest of its text, -1 to 1."
        )
    )
    contribution: float | None = field(
        default=None,
        metadata=describe(
            "What the word adds to the similarity, in its units; below zero it pulls the texts "
            "apart. null for a method that gives no such number."
        ),
    )
    raw_contribution: float | None = field(
        default=None,
        metadata=describe(
            "The contribution before what the words left of the similarity was shared evenly among "
            "them: how much more the word adds than a mean word of its text. Absent or null where "
            "nothing was shared.",
            where_known=True,
        ),
    )

    @property
    def alone(self) -> float | None:
        """What deleting this word alone should take from the similarity; None as ``contribution``.

        That is the contribution, less what of its even share (``raw_contribution``) goes only with
        other words.
        """
        if self.contribution is None or self.raw_contribution is None:
            return self.contribution
        return self.raw_contribution + ALONE * (self.contribution - self.raw_contribution)


@dataclass(frozen=True, slots=True)
class WordPair:
    """A match between two words, by their indices into ``left.words`` and ``right.words``.

    ``similarity`` is the cosine of the two word vectors; for soft matching, after the mean of both
    texts' words was taken off. ``score`` is that cosine times both
    saliencies (Malkiel et al. 2022, Eq. 6) or, for a method with a matrix, what the pair adds to
    the similarity of the texts.
    """

    left: int = field(metadata=describe("Index into left.words.", least=0))
    right: int = field(metadata=describe("Index into right.words.", least=0))
    similarity: float = field(
        metadata=describe(
            "Cosine of the two words' vectors, without unit; for soft matching after the mean of"
            " both texts' words was taken off.",
            least=-1,
            most=1,
        )
    )
    score: float = field(
        metadata=describe(
            "That cosine times both saliencies, without unit (Malkiel et al. 2022, Eq. 6). With "
            "pair_contributions: the pair's cell there."
        )
    )


def of_columns(
    kind: type[Record], *columns: Sequence[str | int | float | None]
) -> tuple[Record, ...]:
    """Return as many Words or WordPairs as the columns are long, one column a field.

    They are what the constructor makes, in half of its time: the constructor of a frozen class
    looks each field up by name, and a pair of texts has some two hundred of them.

    Parameters
    ----------
    kind : type
        Word or WordPair.
    *columns : sequence of str, int, float or None
        The values of each field, in the order in which the class has them.

    Raises ValueError where columns are missing, or not equally long.
    """
    if len({len(values) for values in columns}) != 1:
        raise ValueError("the columns are not equally long")
    found = tuple(map(kind.__new__, repeat(kind, len(columns[0]))))
    for one, values in zip(fields(kind), columns, strict=True):
        deque(map(getattr(kind, one.name).__set__, found, values), maxlen=0)
    return found


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of a sparse model's vocabulary that both texts have, by the words that brought it.

    ``product`` is what it adds to the similarity. A term that several words of a text bring, as
    sum pooling has it, is there once for each pair of them.
    """

    term: str = field(metadata=describe("The entry, as the tokenizer writes it."))
    left: int | None = field(
        metadata=describe(
            "Index into left.words; null where no single word brought the term: special tokens or "
            "the prompt did, or many words together.",
            least=0,
        )
    )
    right: int | None = field(metadata=describe("The same for right.words.", least=0))
    product: float = field(
        metadata=describe("What the term adds to the similarity by these words, in its units.")
    )
    left_expands: bool = field(
        metadata=describe("Whether the left word has the term by expansion: it is no token of it.")
    )
    right_expands: bool = field(metadata=describe("The same for the right word."))


@dataclass(frozen=True, slots=True)
class BackgroundScore:
    """Where a score stands among those of a background: texts of the user's own.

    Where ``left_mean`` and ``right_mean`` are given, the words of each text explain what the
    similarity has beyond the mean of that text with the background, and not the similarity itself.
    """

    texts: int = field(metadata=describe("How many texts were compared.", least=1))
    percentile: float = field(
        metadata=describe(
            "How many of 100 random pairs of the texts have a lower score; equal ones count half.",
            least=0,
            most=100,
        )
    )
    nearest_percentile: float | None = field(
        default=None,
        metadata=describe(
            "The same among the scores of each text with its nearest other; null where texts have "
            "no vectors, so that their nearest are not known.",
            least=0,
            most=100,
        ),
    )
    left_mean: float | None = field(
        default=None,
        metadata=describe(
            "Mean score of the left text with the texts: what its words do not explain. null where "
            "the words explain the similarity itself."
        ),
    )
    right_mean: float | None = field(default=None, metadata=describe("The same of the right text."))

    @property
    def mean(self) -> float | None:
        """The mean of both; a similarity less this is the pair's contrast with the background."""
        if self.left_mean is None or self.right_mean is None:
            return None
        return (self.left_mean + self.right_mean) / 2


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The chunk of a long text that gave the score: its place in the text, and among the chunks."""

    number: int = field(metadata=describe("Which of the chunks it is, from 1.", least=1))
    of: int = field(metadata=describe("How many chunks the text has.", least=1))
    start: int = field(
        metadata=describe("Offset of its first character in the text, in code points.", least=0)
    )
    end: int = field(metadata=describe("Offset behind its last character.", least=0))

    def __str__(self) -> str:
        """Return the chunk as it is said: ``chunk 3 of 7``."""
        return f"chunk {self.number:,} of {self.of:,}"


@dataclass(frozen=True, slots=True)
class ExplainedText:
    """One side of the pair: the text, the words that the model read, how many it did not read.

    ``unmatched`` are the indices of the words that match nothing in the other text, most salient
    first: those in none of the explanation's ``matches``. ``chunk`` is the part of a long text that
    gave the score, where it was read in several; this score does not read the words outside of it.
    """

    text: str = field(
        metadata=describe(
            "The whole text, unread words included. Lone surrogates were replaced by U+FFFD."
        )
    )
    words: tuple[Word, ...] = field(
        metadata=describe(
            "The words that the model read, in reading order and without overlap. Punctuation "
            "marks are words of their own."
        )
    )
    unread_words: int = field(
        default=0,
        metadata=describe(
            "How many words of the text the score does not read: at its end, those beyond the "
            "model's limit; of a text with a chunk, all outside of that.",
            least=0,
        ),
    )
    unmatched: tuple[int, ...] = field(
        default=(),
        metadata=describe(
            "Indices of the words that match nothing in the other text, most salient first: "
            "those in none of the matches. Punctuation marks are left out.",
            least=0,
        ),
    )
    chunk: TextChunk | None = field(
        default=None,
        metadata=describe(
            "The chunk that gave the score, of a text that was read in several. Absent or null "
            "where it was read as a whole.",
            where_known=True,
        ),
    )

    @property
    def pulling_apart(self) -> tuple[int, ...]:
        """Indices of the words that lower the similarity, strongest first; needs contributions.

        Words go by what they should take from it ``alone``.
        """
        own = [word.alone or 0.0 for word in self.words]
        return tuple(sorted((n for n, value in enumerate(own) if value < 0), key=own.__getitem__))

    @property
    def read_from(self) -> int:
        """Offset from which on the score reads the text: 0, or where its chunk begins."""
        return 0 if self.chunk is None else self.chunk.start

    @property
    def read_until(self) -> int:
        """Offset at which the model stopped reading; the text's length if it read everything."""
        if self.chunk is not None:
            return self.words[-1].end if self.words else self.chunk.start
        if not self.unread_words:
            return len(self.text)
        return self.words[-1].end if self.words else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePart:
    """One scorer of a fusion, and what it adds to the fused score.

    ``contribution`` is ``weight`` times ``normalised``; those of all parts sum to the similarity.
    ``constant`` is what of it no word carries, as normalising shifts scores; None with ranks.
    ``method`` is the one that says what words add to this part.
    """

    name: str = field(metadata=describe("Name of the scorer."))
    weight: float = field(metadata=describe("Its weight in the fusion, without unit.", least=0))
    score: float = field(metadata=describe("The score that it gives, in its own units."))
    normalised: float = field(
        metadata=describe(
            "That score as it is fused: as it is, normalised over a list of texts, or 1 / (k + "
            "rank)."
        )
    )
    contribution: float = field(
        metadata=describe(
            "What the part adds to the similarity: its weight times its normalised score."
        )
    )
    constant: float | None = field(
        default=None,
        metadata=describe(
            "What of the contribution is the same for every text, and so of no word: the "
            "normalisation's shift times the weight. null with ranks."
        ),
    )
    rank: int | None = field(
        default=None,
        metadata=describe(
            "The right text's place by this scorer, 1 for the best; null where scores are fused.",
            least=1,
        ),
    )
    method: str | None = field(
        default=None,
        metadata=describe(
            "The method that says what words add to this part; null where none does."
        ),
    )


@dataclass(frozen=True, slots=True)
class Deletion:
    """What the model scores once words are deleted from both texts.

    ``similarity`` and ``fall`` are None where no word of a text would have been left.
    """

    left: tuple[int, ...] = field(
        metadata=describe("Indices of the words deleted from the left text.", least=0)
    )
    right: tuple[int, ...] = field(metadata=describe("The same of the right text.", least=0))
    similarity: float | None = field(
        metadata=describe(
            "The score of the texts without these words, in the units of the similarity. null "
            "where no word of a text would have been left: that was not scored."
        )
    )
    fall: float | None = field(
        metadata=describe(
            "How much the score fell, in those units; below zero it rose. null as the score."
        )
    )


@dataclass(frozen=True, slots=True)
class Checks:
    """Selected pairs whose words were deleted: each pair alone, and all of them together."""

    pairs: tuple[Deletion, ...] = field(
        metadata=describe("One for each of the first selected pairs, in their order.")
    )
    together: Deletion | None = field(
        default=None,
        metadata=describe("The words of all these pairs; null where there are not two pairs."),
    )

    @property
    def everything(self) -> Deletion | None:
        """The deletion of all words that were checked; None where no pair was."""
        return self.together or (self.pairs[0] if self.pairs else None)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence or phrase, ``source[start:end]``, with what the model's score says of it.

    ``fall`` is what the score loses without it, ``alone`` what the sentence scores alone with the
    other text, ``separate`` the sum of what the score loses without each of the phrase's words
    alone; all in units of the similarity.
    """

    start: int = field(metadata=describe("Offset of its first character, in code points.", least=0))
    end: int = field(metadata=describe("Offset behind its last character.", least=1))
    fall: float | None = field(
        default=None,
        metadata=describe(
            "How much the score fell once the unit was deleted; below zero it rose. null where no "
            "word of the text would have been left."
        ),
    )
    alone: float | None = field(
        default=None,
        metadata=describe(
            "What the sentence scores alone with the whole other text. null for phrases."
        ),
    )
    separate: float | None = field(
        default=None,
        metadata=describe(
            "The sum of the falls without each word of the phrase alone: where fall is another, "
            "the words act together. null for sentences, and where a text would be left empty."
        ),
    )


@dataclass(frozen=True, slots=True)
class Units:
    """The sentences or the phrases of both texts, as far as they were read, in order."""

    kind: Literal["phrase", "sentence"] = field(metadata=describe("What a unit is."))
    left: tuple[Unit, ...] = field(metadata=describe("The units of the left text."))
    right: tuple[Unit, ...] = field(metadata=describe("The units of the right text."))


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """The stored vectors that words' contributions come from, where no model was run for them.

    ``error`` is the standard error of a contribution, of the word with the greatest, by rounding.
    """

    numbers: Literal["int8", "float16", "float32"] = field(
        metadata=describe("The number format in which the vectors are stored.")
    )
    error: float = field(
        metadata=describe(
            "Standard error that rounding to this format leaves in a word's contribution, of the "
            "word with the greatest, in the units of the similarity.",
            least=0,
        )
    )

    def __str__(self) -> str:
        """Return what there is to say of it."""
        return f"from stored vectors ({self.numbers}; words' contributions are off by about " + (
            f"{self.error:.1g} at most)"
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(Document):
    """Why one model finds two texts alike.

    ``similarity`` is on the scale of ``similarity_function``; euclidean and manhattan are minus
    the distance, so that higher always means more alike; ``"score"`` is a scorer's own number, of
    any range. ``pooling`` says whose score it is:
    ``"model"`` is the score of the user's own pipeline, ``"paper"`` the cosine of mean vectors
    without special tokens. ``pairs`` is selected from ``matches``; both are sorted best first.
    ``completeness_gap`` is what a method's attributions miss of the difference that they should
    sum to, as a part of it, and None for a method that promises no sum.
    ``pair_contributions`` is the matrix of a method that has one: what each left word (row) adds
    to the similarity together with each right word (column). ``remainder`` is what that leaves of
    the similarity, carried by no pair of words (special tokens, the empty text).
    ``prompts`` stood before the left text and before the right one as the model read them, and are
    no part of either; None in documents of releases that did not record them.
    ``parts`` are the scorers of a fusion, in its order; None for any other model.
    ``background`` says where the similarity stands among texts of the user's own, if some were
    given, and what of it the words then leave to what any two of these have in common.
    ``checks`` are what the model scores without the words of the first pairs; None where that was
    not asked for.
    ``units`` are the sentences or phrases with what the score loses without each; None where words
    were asked for.
    ``stored`` says in which number format the vectors are stored that contributions come from; None
    where the model was run.
    ``options`` are ExtendedOptions where the method has some that whyalike's own methods lack; such
    a document can be read without that method.
    """

    _format: ClassVar[Format] = FORMAT

    similarity: float = field(
        metadata=describe(
            "The score that is explained, on the scale of similarity_function; higher always "
            "means more alike. cosine: -1 to 1. dot: any number. euclidean and manhattan: minus "
            "the distance in the units of the vectors, so 0 is the greatest. hamming: the share of "
            "bits that agree, 0 to 1."
        )
    )
    similarity_function: ScoreKind = field(
        metadata=describe(
            "How the model compares two vectors; score where it scores pairs of texts and gives "
            "no vectors."
        )
    )
    method: str = field(
        metadata=describe(
            "Name of the method that gave the saliency, such as bti; `whyalike methods` lists them."
        )
    )
    model: str = field(metadata=describe("Name or path of the model, as it was given."))
    pooling: str = field(
        metadata=describe(
            "Whose score it is. model: that of the model's own pipeline. paper: the cosine of "
            "mean token vectors without special tokens. cls, last: the cosine of one token's "
            "vectors."
        )
    )
    left: ExplainedText = field(metadata=describe("The first of the two texts."))
    right: ExplainedText = field(metadata=describe("The second of the two texts."))
    pairs: tuple[WordPair, ...] = field(
        metadata=describe(
            "The word pairs that explain the similarity, selected from matches, highest score "
            "first."
        )
    )
    matches: tuple[WordPair, ...] = field(
        metadata=describe(
            "All word pairs: each word with the most similar word of the other text, highest "
            "score first."
        )
    )
    warnings: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            "What a reader must know about this result, one sentence or two each; often empty."
        ),
    )
    completeness_gap: float | None = field(
        default=None,
        metadata=describe(
            "What the method's attributions miss of the difference that they should sum to, as a"
            " part of it (0.05 is five percent; the worse of both texts). null for a method that"
            " promises no sum.",
            least=0,
        ),
    )
    pair_contributions: tuple[tuple[float, ...], ...] | None = field(
        default=None,
        metadata=describe(
            "What each word of the left text (row) contributes together with each word of the "
            "right one (column); null for a method that scores words alone."
        ),
    )
    remainder: float | None = field(
        default=None,
        metadata=describe(
            "What pair_contributions leave of the similarity, in its units: carried by special "
            "tokens, by the empty text, by what the method can't attribute, by what any two texts "
            "of a background have in common. null where the method's pairs are not in those units."
        ),
    )
    options: BTIOptions = field(
        default_factory=BTIOptions,
        metadata=describe("Every choice of every method, as it was made for this explanation."),
    )
    prompts: tuple[str, str] | None = field(
        default=None,
        metadata=describe(
            "What stood before the left text and before the right one as the model read them; no"
            " part of either, empty where nothing did. Absent or null where that was not "
            "recorded.",
            where_known=True,
        ),
    )
    parts: tuple[ScorePart, ...] | None = field(
        default=None,
        metadata=describe(
            "The scorers of a fusion, in its order, and what each adds to the similarity. Absent or"
            " null for any other model.",
            where_known=True,
        ),
    )
    terms: tuple[Term, ...] | None = field(
        default=None,
        metadata=describe(
            "The terms of a sparse model's vocabulary that both texts have, greatest product "
            "first; the products sum to the similarity. Absent or null for other models and "
            "methods.",
            where_known=True,
        ),
    )
    background: BackgroundScore | None = field(
        default=None,
        metadata=describe(
            "Where the similarity stands among texts of the user's own. Absent or null where none "
            "were given.",
            where_known=True,
        ),
    )
    checks: Checks | None = field(
        default=None,
        metadata=describe(
            "What the model scores once the words of the first selected pairs are deleted from "
            "both texts. Absent or null where that was not asked for.",
            where_known=True,
        ),
    )
    units: Units | None = field(
        default=None,
        metadata=describe(
            "Sentences or phrases of both texts, with what the score loses without each. Absent or "
            "null where words were asked for.",
            where_known=True,
        ),
    )
    stored: StoredVectors | None = field(
        default=None,
        metadata=describe(
            "The stored vectors that the words' contributions come from, of an index made with "
            "`--explainable`. Absent or null where the model was run.",
            where_known=True,
        ),
    )

    @property
    def matrix(self) -> "NDArray[np.float64] | None":
        """The (W, W') matrix of ``pair_contributions``, made anew; None where there is none."""
        if self.pair_contributions is None:
            return None
        import numpy as np

        shape = len(self.left.words), len(self.right.words)
        return np.array(self.pair_contributions, dtype=np.float64).reshape(shape)

    @property
    def verdict(self) -> str:
        """What the score means and what carries it, in a sentence; texts' words in asterisks."""
        return _rendered("say_verdict", self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, as docs/explanation.schema.json describes them."""
        prompts = {} if self.prompts is None else {"prompts": list(self.prompts)}
        background = {} if self.background is None else {"background": _flat(self.background)}
        return {
            **FORMAT.head(),
            **({"verdict": verdict} if (verdict := self.verdict) else {}),
            "similarity": self.similarity,
            "similarity_function": self.similarity_function,
            "method": self.method,
            "model": self.model,
            "pooling": self.pooling,
            **prompts,
            **background,
            "options": self.options.to_dict(),
            "warnings": list(self.warnings),
            "completeness_gap": self.completeness_gap,
            "remainder": self.remainder,
            "pair_contributions": None
            if self.pair_contributions is None
            else [list(row) for row in self.pair_contributions],
            "left": _text_to_dict(self.left),
            "right": _text_to_dict(self.right),
            "pairs": [_flat(pair) for pair in self.pairs],
            "matches": [_flat(pair) for pair in self.matches],
            **({} if self.parts is None else {"parts": [_flat(part) for part in self.parts]}),
            **({} if self.terms is None else {"terms": [_flat(term) for term in self.terms]}),
            **({} if self.checks is None else {"checks": _checks_to_dict(self.checks)}),
            **({} if self.units is None else {"units": _units_to_dict(self.units)}),
            **({} if self.stored is None else {"stored": _flat(self.stored)}),
        }

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        given = _read_own_options(body.get("options"))
        read_value(body.pop("verdict", ""), str, "verdict")  # It is said anew.
        body = {name: value for name, value in body.items() if name not in given}
        result = cls(**read_object(body, cls, given=given))
        for side, text in (("left", result.left), ("right", result.right)):
            _check_words(text, side)
        for name, pairs in (("pairs", result.pairs), ("matches", result.matches)):
            _check_indices(pairs, result.left, result.right, name)
        _check_matrix(result)
        _check_indices(result.terms or (), result.left, result.right, "terms")
        _check_deletions(result)
        _check_units(result)
        return result

    def to_html(self, *, scale: str = "absolute") -> str:
        """Return one self-contained HTML page.

        Parameters
        ----------
        scale : str, default='absolute'
            What a full shade and a full bar are: the same amount of a cosine in every picture, or,
            ``"relative"``, the most of this pair.

        Raises
        ------
        OptionError
            Another scale.
        """
        return _rendered("render_html", [self], scale=scale)

    def to_markdown(self) -> str:
        """Return Markdown for an issue or a chat; texts are escaped and can't command it."""
        return _rendered("render_markdown", self)

    def to_png(
        self, path: str | os.PathLike[str], *, dpi: int = 200, scale: str = "absolute"
    ) -> None:
        """Write the picture as PNG, whole or not at all (extra ``plot``).

        Parameters
        ----------
        path : str or PathLike
            Where to.
        dpi : int, default=200
            Dots per inch.
        scale : str, default='absolute'
            As ``to_html``.

        Raises
        ------
        OptionError
            ``path`` has another ending than ``.png``, or another scale.
        MissingExtraError
            Matplotlib is not installed.
        OutputError
            ``path`` can't be written.
        """
        _draw("draw_figure", self, path, format="png", dpi=dpi, scale=scale)

    def to_svg(self, path: str | os.PathLike[str], *, scale: str = "absolute") -> None:
        """Write the picture as SVG; as ``to_png``."""
        _draw("draw_figure", self, path, format="svg", scale=scale)

    def __str__(self) -> str:
        """Return the explanation as plain text, 80 columns wide."""
        return _rendered("render_text", self)

    def __repr__(self) -> str:
        """Return one line: the whole would be hundreds of words."""
        return (
            f"Explanation(similarity={self.similarity:.4f}, method={self.method!r}, "
            f"model={self.model!r}, pairs={len(self.pairs)})"
        )

    def _repr_html_(self) -> str:
        return _rendered("render_fragment", self)


def _flat(
    item: Word | WordPair | ScorePart | Term | BackgroundScore | Unit | TextChunk | StoredVectors,
) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _word_to_dict(word: Word) -> dict[str, Any]:
    said = _flat(word)
    if word.raw_contribution is None:
        del said["raw_contribution"]
    return said


def _checks_to_dict(checks: Checks) -> dict[str, Any]:
    def written(one: Deletion) -> dict[str, Any]:
        words = {"left": list(one.left), "right": list(one.right)}
        return {**words, "similarity": one.similarity, "fall": one.fall}

    together = None if checks.together is None else written(checks.together)
    return {"pairs": [written(one) for one in checks.pairs], "together": together}


def _text_to_dict(text: ExplainedText) -> dict[str, Any]:
    return {
        "text": text.text,
        "words": [_word_to_dict(word) for word in text.words],
        "unread_words": text.unread_words,
        "unmatched": list(text.unmatched),
        **({} if text.chunk is None else {"chunk": _flat(text.chunk)}),
    }


def _read_own_options(content: object) -> dict[str, Any]:
    """Return ``options`` of a document whose method has some of its own; nothing of another."""
    if not isinstance(content, Mapping) or "own" not in content:
        return {}
    own = read_value(content["own"], dict[str, Any], "options.own")
    ours = {name: value for name, value in content.items() if name != "own"}
    options = read_object(ours, BTIOptions, "options")
    return {"options": ExtendedOptions(**options, own=tuple(own.items()))}


def _check_words(side: ExplainedText, which: str) -> None:
    """Raise ValueError unless the words are in order, apart, and exactly at their places."""
    position = 0
    for n, word in enumerate(side.words):
        here = position <= word.start < word.end <= len(side.text)
        if not here or side.text[word.start : word.end] != word.text:
            raise ValueError(
                f"{which}.words[{n}], {shown(word.text)}, is not at its place in the text"
            )
        position = word.end
    if side.unread_words < 0:
        raise ValueError(f"{which}.unread_words is {side.unread_words}, below 0")
    for n, index in enumerate(side.unmatched):
        if not 0 <= index < len(side.words):
            raise ValueError(
                f"{which}.unmatched[{n}] is {index}, and the text has {len(side.words)} words"
            )


def _check_indices(
    pairs: Sequence[WordPair | Term],
    left: ExplainedText,
    right: ExplainedText,
    name: str,
) -> None:
    """Raise ValueError unless every pair, or term, points at words that exist."""
    for n, pair in enumerate(pairs):
        for which, index, words in (
            ("left", pair.left, left.words),
            ("right", pair.right, right.words),
        ):
            if index is not None and not 0 <= index < len(words):
                raise ValueError(
                    f"{name}[{n}].{which} is {index}, and the {which} text has {len(words)} words"
                )


def _check_deletions(result: Explanation) -> None:
    """Raise ValueError unless what was deleted are words that exist, scored as a whole or not."""
    if result.checks is None:
        return
    named = [(f"pairs[{n}]", one) for n, one in enumerate(result.checks.pairs)]
    if result.checks.together is not None:
        named.append(("together", result.checks.together))
    for name, one in named:
        for which, indices, side in (
            ("left", one.left, result.left),
            ("right", one.right, result.right),
        ):
            if wrong := [n for n in indices if not 0 <= n < len(side.words)]:
                raise ValueError(
                    f"checks.{name}.{which} has {wrong[0]}, and the {which} text has "
                    f"{len(side.words)} words"
                )
        if (one.similarity is None) != (one.fall is None):
            raise ValueError(f"checks.{name} has one of similarity and fall without the other")


def _units_to_dict(units: Units) -> dict[str, Any]:
    return {
        "kind": units.kind,
        "left": [_flat(unit) for unit in units.left],
        "right": [_flat(unit) for unit in units.right],
    }


def _check_units(result: Explanation) -> None:
    """Raise ValueError unless the units are in order, and within their text."""
    if result.units is None:
        return
    for name, units, side in (
        ("left", result.units.left, result.left),
        ("right", result.units.right, result.right),
    ):
        at = 0
        for n, unit in enumerate(units):
            if not at <= unit.start < unit.end <= len(side.text):
                raise ValueError(f"units.{name}[{n}] is not at its place in the text")
            at = unit.end


def _check_matrix(result: Explanation) -> None:
    """Raise ValueError unless the matrix, if there is one, has a cell for each pair of words."""
    matrix = result.pair_contributions
    shape = len(result.left.words), len(result.right.words)
    if matrix is not None and (
        len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix)
    ):
        raise ValueError(f"pair_contributions is not a matrix of {shape[0]} by {shape[1]}")


def explanations_to_dict(
    explanations: Sequence[Explanation], *, left_out: Mapping[str, str]
) -> dict[str, Any]:
    """Return plain dictionaries: each explanation's own, and by method why another gave none.

    ``verdict`` is what is said of all of them.
    """
    return {
        **EXPLANATIONS.head(),
        "verdict": str(import_module("whyalike.render").say_methods(explanations)),
        "explanations": [explanation.to_dict() for explanation in explanations],
        "left_out": dict(left_out),
    }
