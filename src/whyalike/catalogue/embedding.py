"""Texts of items embedded: each that the model reads differently once, here or by workers.

A model rounds a text's vector by what else is in its batch. Two items with one text would have
vectors that differ in the last bits, and would change places from one machine to another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.catalogue.given_vectors import GivenVectors
from whyalike.catalogue.item_store import ItemStore, field_text, text_key
from whyalike.catalogue.manifest import (
    Field,
    IndexedModel,
    StoredReasons,
    policy_of,
)
from whyalike.catalogue.vectors import Block, DType
from whyalike.data.items import Item
from whyalike.engines.runner import Runner
from whyalike.errors import (
    EngineError,
    ModelError,
)
from whyalike.models.scorer import require_vectors
from whyalike.similarity import comparable

if TYPE_CHECKING:
    from typing import TypeGuard

    from whyalike.explainer import Explainer
    from whyalike.models.encoder import Encoder
    from whyalike.models.scorer import Scorer


CHUNK = 2048
"""Items embedded between two savings: sorted by length among themselves, lost by a kill at most."""

EXPLAINED_AT_ONCE = 128
"""The same of items whose reasons are stored, which takes some thirty times as long."""

EMBEDDED_AT_ONCE = 256
"""Texts between two signs of progress."""


@dataclass(frozen=True, slots=True)
class KnownSegment:
    """The first ``rows`` items of a segment, with the vectors (rows, H) of their fields."""

    store: ItemStore
    vectors: Mapping[Field, Block]
    rows: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the model reads it: its tokens, window by window, and whether it was cut."""

    tokens: tuple[tuple[int, ...], ...]
    cut: bool


Read = Callable[[Sequence[str]], list[Reading]]


def stored_vectors(
    texts: Iterable[str], segments: Sequence[KnownSegment], read: Read | None
) -> dict[str, Floats]:
    """Return the vectors (H,) of those texts that are stored, as they are stored.

    Parameters
    ----------
    texts : iterable of str
        All different.
    segments : sequence of KnownSegment
        Where to look.
    read : Read | None
        How the model reads texts: one that it reads as the same tokens as a stored text but for
        case and white space has its vector. Without it only equal texts do.
    """
    near = {text: hit for text in texts if (hit := _nearest(text, segments)) is not None}
    found = {text: vector for text, (stored, vector) in near.items() if stored == text}
    alike = [text for text in near if text not in found]
    if read is not None and alike:
        pairs = zip(read(alike), read([near[text][0] for text in alike]), strict=True)
        for text, (mine, other) in zip(alike, pairs, strict=True):
            if mine.tokens == other.tokens:
                found[text] = near[text][1]
    return found


def _nearest(text: str, segments: Sequence[KnownSegment]) -> tuple[str, Floats] | None:
    """Return a stored text with its vector: that very one, or else the first that is alike."""
    near = None
    for segment in segments:
        for field, vectors in segment.vectors.items():
            hit = segment.store.find_text(text, field, before=segment.rows)
            if hit is None or (near is not None and hit[1] != text):
                continue
            position, stored = hit
            row = vectors[position : position + 1]
            near = stored, np.asarray(row, dtype=np.float64)[0]
            if stored == text:
                return near
    return near


def representatives(texts: Sequence[str], read: Read | None) -> dict[str, str]:
    """Return for each of different texts the first that the model reads as the same tokens.

    Only texts that differ in nothing but case and white space are compared.
    """
    groups: dict[bytes, list[str]] = {}
    for text in texts:
        groups.setdefault(text_key(text), []).append(text)
    first = {text: text for text in texts}
    several = [text for group in groups.values() if len(group) > 1 for text in group]
    if read is None or not several:
        return first
    readings = dict(zip(several, read(several), strict=True))
    for group in groups.values():
        seen: dict[tuple[tuple[int, ...], ...], str] = {}
        for text in group if len(group) > 1 else ():
            first[text] = seen.setdefault(readings[text].tokens, text)
    return first


@dataclass(frozen=True)
class Recipe:
    """How vectors are made: all that a segment depends on besides its items."""

    explainer: "Explainer"
    model: IndexedModel
    fields: tuple[Field, ...]
    dtype: DType
    given: GivenVectors | None = None
    """Vectors that are there already: then nothing but a sample is embedded."""
    reasons: StoredReasons | None = None
    """How reasons are stored besides."""

    @property
    def chunk(self) -> int:
        """Items between two savings."""
        return CHUNK if self.reasons is None else min(CHUNK, EXPLAINED_AT_ONCE)


def texts_of(items: Iterable[Item], recipe: Recipe) -> dict[Field, list[str]]:
    """Return the texts of items that are embedded, by field, in the items' order."""
    return {field: [field_text(item, field) for item in items] for field in recipe.fields}


@dataclass(frozen=True)
class _Choice:
    """Of different texts those with a vector, what the others are read as, and what to embed."""

    found: dict[str, Floats]
    first: dict[str, str]
    cut: set[str]
    parts: list[list[str]]


def _choose(recipe: Recipe, texts: Iterable[str], known: Sequence[KnownSegment]) -> _Choice:
    """Return what is to be embedded of texts: not what is known, nor what reads as another one."""
    different = list(dict.fromkeys(texts))
    read = _reader(recipe)
    found = stored_vectors(different, known, read)
    first = representatives([text for text in different if text not in found], read)
    cut = set[str]()
    if read is not None:
        spared = [text for text in different if first.get(text) != text]
        cut |= {text for text, one in zip(spared, read(spared), strict=True) if one.cut}
    wanted = sorted(dict.fromkeys(first.values()), key=lambda text: -len(text))
    starts = range(0, len(wanted), EMBEDDED_AT_ONCE)
    parts = [wanted[start : start + EMBEDDED_AT_ONCE] for start in starts]
    return _Choice(found, first, cut, parts)


def embed_texts(
    recipe: Recipe,
    texts: Iterable[str],
    known: Sequence[KnownSegment],
    tell: Callable[[float], None],
    embed: "Callable[[list[str]], EmbeddedPart]",
) -> tuple[dict[str, NDArray[np.float64]], set[str]]:
    """Return the vectors (H,) of texts, as they are compared, and the texts that were cut.

    Each is embedded once: not again where it is known, or where the model reads it as it reads
    another one.
    """
    chosen = _choose(recipe, texts, known)
    found, cut = chosen.found, chosen.cut
    for done, part in enumerate(chosen.parts, start=1):
        embedded = embed(part)
        found.update(zip(part, embedded.vectors, strict=True))
        cut |= embedded.cut
        tell(done / len(chosen.parts))
    found |= {text: found[other] for text, other in chosen.first.items()}
    return found, cut


@dataclass(frozen=True)
class EmbeddedPart:
    """Texts, their vectors (N, H) as they are compared, and which of them were cut."""

    texts: list[str]
    vectors: NDArray[np.float64]
    cut: set[str]


@dataclass(frozen=True)
class PartEmbedder:
    """Embeds a part of the texts of a chunk."""

    recipe: Recipe

    def make(self) -> "PartEmbedder":
        """Return itself: it is made where it is unpickled."""
        return self

    def __call__(self, part: list[str]) -> EmbeddedPart:
        """Embed texts. Raises ModelError on vectors of another width."""
        recipe, model = self.recipe, self.recipe.explainer.model
        prompt, cut = recipe.model.prompts[1], set[str]()
        if tells_cuts(model):
            vectors, were_cut = model.embed_and_tell(
                part, prompt=prompt, long_text=policy_of(recipe.explainer)
            )
            cut = {text for text, one in zip(part, were_cut, strict=True) if one}
        else:
            embedder = require_vectors(model, what="An index of a catalogue", sparse=True)
            vectors = embedder.embed(part, prompt=prompt)
        vectors = _checked(vectors, recipe.model)
        return EmbeddedPart(
            part, comparable(vectors, function=recipe.model.similarity_function), cut
        )


class _NoVectors:
    """Stands for vectors that are not embedded yet, where only their texts are looked at."""

    shape = (0, 1)

    def __getitem__(self, rows: object, /) -> NDArray[np.floating]:
        del rows
        return np.zeros((1, 1))


@dataclass(frozen=True)
class TextParts:
    """The parts that are to be embedded of all chunks from the item ``done``, in their order.

    Which texts these are depends on texts alone, so that a reader may be ahead of the vectors.
    """

    items: Path
    recipe: Recipe
    done: int
    count: int
    size: int

    def __iter__(self) -> Iterator[list[str]]:
        """Read the items, and yield the parts."""
        store = ItemStore(self.items)
        try:
            nothing = dict.fromkeys(self.recipe.fields, _NoVectors())
            for start in range(self.done, self.count, self.size):
                items = store.items(start, min(start + self.size, self.count))
                texts = texts_of(items, self.recipe).values()
                known = [KnownSegment(store, nothing, start)]
                yield from _choose(self.recipe, chain.from_iterable(texts), known).parts
        finally:
            store.close()


class Ahead:
    """Parts embedded by a runner, which is ahead of who asks for them in the same order."""

    def __init__(self, runner: Runner, parts: TextParts, recipe: Recipe) -> None:
        self._embedded = runner(parts, PartEmbedder(recipe).make)

    def __call__(self, part: list[str]) -> EmbeddedPart:
        """Return the next part. Raises EngineError unless it is the one that is asked for."""
        found = next(self._embedded, None)
        if found is None or found.texts != part:
            raise EngineError("Workers gave vectors of other texts: run it again.")
        return found


def _reader(recipe: Recipe) -> Read | None:
    """Return how the model reads texts, where that can be seen."""
    model = recipe.explainer.model
    if not tells_cuts(model):
        return None
    prompt, policy = recipe.model.prompts[1], policy_of(recipe.explainer)

    def read(texts: Sequence[str]) -> list[Reading]:
        found = []
        for start in range(0, len(texts), EMBEDDED_AT_ONCE):
            part = texts[start : start + EMBEDDED_AT_ONCE]
            tokenized = model.tokenize(part, prompt=prompt, long_text=policy)
            found += [Reading(tuple(r.input_ids for r in t.rows), t.truncated) for t in tokenized]
        return found

    return read


def _checked(vectors: NDArray[np.float64], model: IndexedModel) -> NDArray[np.float64]:
    """Return vectors of the index's width. Raises ModelError on others."""
    if vectors.shape[1] == model.dimension:
        return vectors
    if not vectors.any():
        # Texts without any token: the model did not tell how wide their zero is.
        return np.zeros((len(vectors), model.dimension))
    raise ModelError(
        f"{model.name} gave vectors of {vectors.shape[1]} numbers, and of {model.dimension} before."
    )


def tells_cuts(model: "Scorer") -> "TypeGuard[Encoder]":
    """Return whether the model says which texts it did not read to the end."""
    return "tokens" in model.capabilities
