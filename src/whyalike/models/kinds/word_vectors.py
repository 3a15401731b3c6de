"""Word vectors with a pooling (WordEmbeddings), and bags of words (BoW)."""

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import nn

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.models.bag import BEHIND, BagScorer
from whyalike.models.installed import Pooling, pooling_modes, width_of, word_limit
from whyalike.models.kinds.static import module_names
from whyalike.models.loading import open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.tokens import Row, TokenizedText
from whyalike.options import LongText

POOLING = "Pooling"

POOLINGS = ("lasttoken", "max", "mean", "mean_sqrt_len_tokens", "weightedmean")
"""Those that are sums over tokens. "cls" needs a first token, which word vectors have not."""


class WordScorer(BagScorer):
    """A base for models of words, whose tokenizer may be of sentence-transformers' own."""

    @property
    def _first(self) -> Any:
        return next(iter(self.pipeline.children()))

    @property
    def limit(self) -> int | None:
        """How many tokens the model reads of a text; None where it reads all."""
        return word_limit(self._first)

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens.

        Raises
        ------
        OptionError
            Windows.
        ModelError
            The tokenizer joins words, or moves them, so that they can't be found in the text.
        """
        if long_text == "windows":
            raise OptionError(
                f"long_text is 'windows', and {self.name} has none: choose 'truncate' or 'error'."
            )
        return [self._read(text, prompt, long_text) for text in texts]

    def _read(self, text: str, prompt: str, long_text: LongText) -> TokenizedText:
        tokenizer, limit = self._first.tokenizer, self.limit
        found = _by_words(text, prompt, tokenizer)
        if found is None or list(found.rows[0].input_ids) != tokenizer.tokenize(prompt + text):
            raise ModelError(
                f"The tokenizer of {self.name} ({type(tokenizer).__name__}) changes words or joins "
                "them, so that they can't be found in a text. Explain it as a function: "
                "Explainer(embed=model.encode)."
            )
        if limit is None or len(found.rows[0].input_ids) <= limit:
            return found
        return _cut(found, limit, long_text)


class WordVectorScorer(WordScorer):
    """WordEmbeddings with Pooling: the mean, or another pooling, of the vectors of a text's words.

    WordWeights between them count, and Dense and Normalize may follow; see ``BagScorer``.
    """

    def __init__(self, pipeline: SentenceTransformer, name: str) -> None:
        super().__init__(pipeline, name)
        modules = list(pipeline.children())
        self.in_front = 1 + next(n for n, m in enumerate(modules) if type(m).__name__ == POOLING)

    @property
    def _modes(self) -> tuple[str, ...]:
        return pooling_modes(cast("Pooling", list(self.pipeline.children())[self.in_front - 1]))

    @property
    def _width(self) -> int:
        return int(self._first.emb_layer.weight.shape[1]) * len(self._modes)

    def _front(self, text: TokenizedText) -> Floats:
        ids = torch.tensor(text.rows[0].input_ids)
        vectors = _rows(self._first.emb_layer, ids)
        weights: Floats | None = None
        for module in list(self.pipeline.children())[1 : self.in_front - 1]:
            factors = _rows(cast("Any", module).emb_layer, ids)
            vectors = vectors * factors
            weights = factors[:, 0]  # The last ones count, as in the features.
        return np.concatenate([_pooled(mode, vectors, weights) for mode in self._modes], axis=1)

    def _front_or_nothing(self, text: TokenizedText) -> Floats:
        if not text.rows[0].input_ids and "max" in self._modes:
            raise ModelError(f"{self.name} has no token for the text {text.text!r}, and no vector.")
        return super()._front_or_nothing(text)


class BagOfWordsScorer(WordScorer):
    """BoW: a text's vector has a weight for each word of the vocabulary that it has."""

    of_terms = True

    @property
    def _width(self) -> int:
        return width_of(self._first)

    @property
    def limit(self) -> None:
        """Return None: it reads all of a text."""
        return

    def _front(self, text: TokenizedText) -> Floats:
        ids = text.rows[0].input_ids
        parts = np.zeros((len(ids), self._width))
        seen: set[int] = set()
        for place, term in enumerate(ids):
            # Where it does not count how often, the first word of a kind has its weight.
            if self._first.cumulative_term_frequency or term not in seen:
                parts[place, term] = self._first.weights[term]
            seen.add(term)
        return parts


def _rows(table: nn.Embedding, ids: torch.Tensor) -> Floats:
    weight = table.weight.detach()
    found: Floats = weight[ids.to(weight.device)].double().cpu().numpy()
    return found


def _pooled(mode: str, vectors: Floats, weights: Floats | None) -> Floats:
    """Return (S, H): what each of S vectors adds to a pooling of them, as Pooling computes it."""
    count = len(vectors)
    if mode == "max":
        parts = np.zeros_like(vectors)
        features = np.arange(vectors.shape[1])
        first = vectors.argmax(axis=0)
        parts[first, features] = vectors[first, features]
        return parts
    if mode == "lasttoken":
        last: Floats = vectors * (np.arange(count) == count - 1)[:, None]
        return last
    total = float(count) if weights is None else float(weights.sum())
    factors = np.ones(count)
    if mode == "weightedmean":
        factors = np.arange(1.0, count + 1)
        total = float(factors.sum()) if weights is None else total
    total = max(total, 1e-9)
    factors = factors / (total**0.5 if "sqrt" in mode else total)
    scaled: Floats = vectors * factors[:, None]
    return scaled


def _by_words(text: str, prompt: str, tokenizer: Any) -> TokenizedText | None:
    """Return a text by a tokenizer that splits at blanks; None where a word is several tokens."""
    whole = prompt + text
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    for start, end in _between_blanks(whole):
        found = tokenizer.tokenize(whole[start:end])
        if len(found) > 1:
            return None
        if found:
            ids += found
            spans.append(_without_marks(whole, start, end))
    own = np.array([n for n, (_, end) in enumerate(spans) if end > len(prompt)], dtype=np.intp)
    count = len(own)
    offsets = [(max(spans[n][0] - len(prompt), 0), spans[n][1] - len(prompt)) for n in own.tolist()]
    row = Row(tuple(ids), own, np.arange(count, dtype=np.intp), np.ones(count, dtype=np.bool_))
    return TokenizedText(
        text=text,
        prompt=prompt,
        rows=(row,),
        offsets=np.array(offsets, dtype=np.intp).reshape(-1, 2),
        pretokens=np.arange(count, dtype=np.intp),
        truncated=False,
    )


def _between_blanks(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in re.finditer(r"\S+", text))


def _without_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the part of a word without the marks around it; all of a word of marks alone."""
    word = text[start:end]
    inside = word.strip(string.punctuation)
    if not inside:
        return start, end
    first = start + len(word) - len(word.lstrip(string.punctuation))
    return first, first + len(inside)


def _cut(text: TokenizedText, limit: int, long_text: LongText) -> TokenizedText:
    """Return a text of which the model reads the first tokens alone."""
    row = text.rows[0]
    kept: NDArray[np.bool_] = row.positions < limit
    count = int(kept.sum())
    cut = Row(row.input_ids[:limit], row.positions[kept], row.tokens[kept], row.owned[kept])
    reason = (
        f"A text has more than the {limit} tokens that the model reads. Shorten it, or choose "
        "long_text='truncate'."
    )
    return replace(
        text,
        rows=(cut,),
        offsets=text.offsets[:count],
        pretokens=text.pretokens[:count],
        truncated=count < len(text.offsets),
        refusal=reason if long_text == "error" else "",
        unknown=tuple(token for token in text.unknown if token < count),
    )


def _takes_words(source: object) -> bool:
    names = module_names(source)
    if names[:1] != ["WordEmbeddings"] or POOLING not in names:
        return False
    place = names.index(POOLING)
    return set(names[1:place]) <= {"WordWeights"} and set(names[place + 1 :]) <= BEHIND


def _takes_bag(source: object) -> bool:
    names = module_names(source)
    return names[:1] == ["BoW"] and set(names[1:]) <= BEHIND


@register_kind("word vectors", takes=_takes_words)
def open_word_vectors(source: object, opening: Opening) -> WordVectorScorer:
    """Return a scorer of WordEmbeddings with a pooling, an object or a folder or name of one.

    Raises
    ------
    ModelError
        A pooling by the first token, which word vectors have not.
    """
    called = "model of word vectors"
    pipeline, name = open_pipeline(
        source, SentenceTransformer, opening, name=called, vocabulary=False
    )
    scorer = WordVectorScorer(pipeline, name)
    if wrong := set(scorer._modes) - set(POOLINGS):
        raise ModelError(
            f"{name} pools word vectors by {', '.join(sorted(wrong))}, which they can't be: choose "
            f"one of {', '.join(POOLINGS)}."
        )
    return scorer


@register_kind("bag of words", takes=_takes_bag)
def open_bag_of_words(source: object, opening: Opening) -> BagOfWordsScorer:
    """Return a scorer of a BoW, an object or a folder or name of one."""
    called = "bag of words"
    pipeline, name = open_pipeline(
        source, SentenceTransformer, opening, name=called, vocabulary=False
    )
    return BagOfWordsScorer(pipeline, name)
