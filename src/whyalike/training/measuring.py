"""A model's figures on the held-out items, with the score that it gives by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.data.items import Item
from whyalike.errors import WhyalikeError
from whyalike.models.encoder import Encoder
from whyalike.models.loading import ModelSource, load
from whyalike.training.negatives import number_texts
from whyalike.training.result import ModelFigures
from whyalike.training.retrieval import rank_descriptions, share_of_kind

KINDS = ("category", "type", "variety", "product_type", "kind", "genre", "class")
"""Columns that look like a kind of item."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models are measured on.

    Attributes:
        pairs: title and description of all items.
        queries: the held-out ones.
        kinds: of all items; None where there is none.
    """

    pairs: Sequence[tuple[str, str]]
    queries: Sequence[int]
    kinds: Sequence[object]

    def measure(
        self,
        model: ModelSource,
        name: str,
        *,
        prompted: bool = True,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> ModelFigures:
        """Return the figures of a model; titles and descriptions are embedded alone.

        A title is a query and a description a document, each with the prompt that the model has for
        it; without any where ``prompted`` is False, or where no prompt alone makes a query.
        """
        encoder = Encoder(
            load(
                model, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
            )
        )
        query, document = _own_prompts(encoder) if prompted else ("", "")
        titles = encoder.embed([self.pairs[index][0] for index in self.queries], prompt=query)
        descriptions = encoder.embed(
            [description for _, description in self.pairs], prompt=document
        )
        function = encoder.similarity_function
        texts = number_texts([description for _, description in self.pairs]).tolist()
        return ModelFigures(
            name=name,
            retrieval=rank_descriptions(
                titles, descriptions, own=self.queries, texts=texts, function=function
            ),
            same_kind=share_of_kind(
                descriptions, self.kinds, queries=self.queries, texts=texts, function=function
            ),
        )


def _own_prompts(encoder: Encoder) -> tuple[str, str]:
    try:
        return encoder.find_prompts(None, None)
    except WhyalikeError:
        # Figures of a model that was trained for hours don't fail for this.
        return "", ""


def guess_kind(items: Sequence[Item]) -> str | None:
    """Return the metadata that looks like a kind of item, or None."""
    if not items:
        return None
    names = {name.casefold(): name for name in items[0].metadata}
    return next((names[kind] for kind in KINDS if kind in names), None)
