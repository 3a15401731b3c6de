"""Late interaction (ColBERT): each token of the query with its best token of the document."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from whyalike.arrays import Floats, products
from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import BaseTokenPooling, MultiVectorEncoder, Transformer
from whyalike.models.loading import folder_here, is_of_kind, open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.refusals import MULTI_VECTOR, architectures_of, read_json
from whyalike.models.scorer import Capability, Decomposition, TextPair
from whyalike.models.token_pipeline import Read, Task, TokenPipeline
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText

TokenPairs = Sequence[tuple[TokenizedText, TokenizedText]]


class LateInteractionScorer(TokenPipeline[MultiVectorEncoder]):
    """A MultiVectorEncoder: the left text is the query, the right one the document.

    The score is MaxSim, or MeanMaxSim: the sum, or mean, over the query's tokens of the largest
    product with a token of the document. Where vectors of tokens are pooled, it has scores alone.
    """

    similarity_function: Literal["score"] = "score"

    def __init__(self, pipeline: MultiVectorEncoder, name: str) -> None:
        super().__init__(pipeline, name)
        query, document = self._prompts()
        if query == document and self._limits()["query"] != self._limits()["document"]:
            raise ModelError(
                f"{name} reads more of a document than of a query, or the other way round, and has "
                "one prompt for both, so that no prompt says which a text is. Explain its scores "
                "as a function: Explainer(score=...)."
            )

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it gives besides scores; an exact decomposition where no vectors are pooled."""
        given: set[Capability] = {"tokens"}
        if not any(isinstance(each, BaseTokenPooling) for each in self.pipeline.modules()):
            given.add("decomposition")
        return frozenset(given)

    def _prompts(self) -> tuple[str, str]:
        return super().find_prompts(None, None)

    def _limits(self) -> dict[Task, int]:
        """Return how many tokens are read of a query and of a document."""
        most = super().limit_with("")
        limits: dict[Task, int] = {"query": most, "document": most}
        first = next(iter(self.pipeline.children()))
        if not isinstance(first, Transformer):
            return limits
        limits["document"] = min(most, first.document_length or most)
        limits["query"] = min(most, first.query_length or most)
        if (expansion := first.query_expansion) is not None:
            if expansion["strategy"] == "fixed":
                limits["query"] = expansion["length"]
            elif first.query_length:
                limits["query"] = min(most, max(first.query_length, expansion["length"]))
        return limits

    @property
    def limit(self) -> int:
        """How many tokens the model reads of a text at most, special tokens included."""
        return max(self._limits().values())

    def limit_with(self, prompt: str) -> int:
        """Return how many tokens the model reads of a query, or of a document, by its prompt."""
        query, document = self._prompts()
        return self._limits()["query" if prompt == query != document else "document"]

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the prompts of the query, left, and of the document.

        Raises
        ------
        OptionError
            Others than the model's own, where queries and documents are read to another length.
        """
        found = super().find_prompts(prompts, names)
        own = self._prompts()
        limits = self._limits()
        if limits["query"] != limits["document"] and not set(found) <= set(own):
            raise OptionError(
                f"{self.name} reads queries and documents to another length each, and tells them "
                f"by its prompts, {own[0]!r} and {own[1]!r}: give these, or leave prompts out."
            )
        return found

    def _task(self, prompt: str, side: int) -> Task:
        """Return what a text is: by its prompt where queries have another, else by its side."""
        query, document = self._prompts()
        if query != document and prompt in (query, document):
            return "query" if prompt == query else "document"
        return "document" if side else "query"

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the scores (N,) of N pairs, as the model's ``similarity_pairwise`` gives them.

        Raises
        ------
        TextError
            A text beyond the model's limit that may not be cut.
        ModelError
            The model fails.
        """
        tokenized = self.tokenize_pairs(pairs, prompts, long_text)
        return np.array([score for score, _, _ in self._scored(tokenized)], dtype=np.float64)

    def _scored(self, pairs: TokenPairs) -> list[tuple[float, Read, Read]]:
        found: dict[tuple[Task, str, str], Read] = {}
        keys = [
            [(self._task(text.prompt, side), text.prompt, text.text) for side, text in enumerate(p)]
            for p in pairs
        ]
        tasks: tuple[Task, ...] = ("query", "document")
        for task in tasks:
            texts = [
                text
                for pair, own in zip(pairs, keys, strict=True)
                for text, key in zip(pair, own, strict=True)
                if key[0] == task
            ]
            if empty := next((text for text in texts if not text.length), None):
                raise ModelError(
                    f"{self.name} has no token for the text {empty.text!r}, and so no vector."
                )
            found |= {(task, r.text.prompt, r.text.text): r for r in self.read(texts, task=task)}
        both = [(found[left], found[right]) for left, right in keys]
        if not both:
            return []
        with torch.no_grad():
            scores = self.pipeline.similarity_pairwise(
                [_vectors(query) for query, _ in both], [_vectors(other) for _, other in both]
            )
        return [(score, *b) for score, b in zip(scores.double().tolist(), both, strict=True)]

    def decompose(self, pairs: TokenPairs) -> list[Decomposition]:
        """Return the scores of N pairs, each token of the query with its best of the document.

        Tokens that only the model knows (a marker, masks that expand a query) take part too: what
        they add is outside of the matrix. Of equally good tokens the first counts.

        Raises
        ------
        ModelError
            The model fails.
        """
        return [self._apart(*found) for found in self._scored(pairs)]

    def _apart(self, score: float, query: Read, document: Read) -> Decomposition:
        vectors = [
            one.output["token_embeddings"].double().cpu().numpy() for one in (query, document)
        ]
        counted = [np.flatnonzero(_counts(one).cpu().numpy()) for one in (query, document)]
        parts = np.zeros((len(query.positions) + 1, len(document.positions) + 1))
        expanding = 0.0
        if all(map(len, counted)):
            cosines = products(vectors[0][counted[0]], vectors[1][counted[1]])
            if self.pipeline.similarity_fn_name == "meanmaxsim":
                cosines /= len(counted[0])
            best = cosines.argmax(axis=1)
            rows, columns = (
                _places(one, len(one.output["token_embeddings"]))[positions]
                for one, positions in (
                    (query, counted[0]),
                    (document, counted[1][best]),
                )
            )
            values = cosines[np.arange(len(best)), best]
            np.add.at(parts, (rows, columns), values)
            if (added := query.output.get("query_expansion_positions")) is not None:
                expanding = float(values[added.bool().cpu().numpy()[counted[0]]].sum())
        elif len(counted[0]):
            parts[-1, -1] = score  # What the library gives where nothing of a document counts.
        own = [v[one.positions] for v, one in zip(vectors, (query, document), strict=True)]
        notes = (
            f"{expanding:.4g} of the score is by the tokens that expand the query, which are no "
            "words of it.",
        )
        return Decomposition.of_parts(
            score, parts, (own[0], own[1]), notes=notes if expanding else ()
        )


def _counts(one: Read) -> Tensor:
    """Return (S,) bool: which positions are scored."""
    return one.output["attention_mask"].bool()


def _vectors(one: Read) -> Tensor:
    return one.output["token_embeddings"][_counts(one)]


def _places(one: Read, size: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return (S,): the token of the text at each position, and T where there is none."""
    places = np.full(size, len(one.positions), dtype=np.intp)
    places[one.positions] = np.arange(len(one.positions))
    return places


PYLATE = "ColBERT"
"""The class by which PyLate says that it saved a folder; MultiVectorEncoder opens it."""


STANFORD = "HF_ColBERT"
"""The architecture of a checkpoint of Stanford's ColBERT; MultiVectorEncoder opens it too."""


def _takes(source: object) -> bool:
    if is_of_kind(source, MultiVectorEncoder, MULTI_VECTOR, saved_as=(PYLATE,)):
        return True
    folder = folder_here(source)
    if folder is None or (folder / "modules.json").is_file():
        return False
    config = read_json(folder / "config.json")
    return isinstance(config, dict) and STANFORD in architectures_of(config)


@register_kind("late interaction", takes=_takes)
def open_late_interaction(source: object, opening: Opening) -> LateInteractionScorer:
    """Return a scorer of a MultiVectorEncoder, an object or a folder or name of one."""
    pipeline, name = open_pipeline(source, MultiVectorEncoder, opening)
    return LateInteractionScorer(pipeline, name)
