"""Haystack: a component that says of each document why it was found.

Connect it behind a retriever, with the query.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from whyalike.errors import MissingExtraError, OptionError
from whyalike.integrations.reasons import (
    KEY,
    Order,
    check_settings,
    explain_passages,
    in_order,
    open_explainer,
)

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ImportError as error:
    raise MissingExtraError("The adapter for Haystack", "haystack-ai", "haystack") from error


@component
class WhyalikeReasons:
    """Adds reasons to the ``meta`` of documents, under ``"whyalike"``; see ``Reasons``.

    Documents are copied, never changed. One that can't be explained stays, with the reason.

    Parameters
    ----------
    model : Explainer, or what one is made of, optional
        What explains: the model of the retriever, so that the reasons are of its scores, or a
        reranker. A pipeline that is stored needs a name or a path.
    method : str, optional
        A registered method; by default the Explainer's.
    order : Order, default='keep'
        ``"keep"`` leaves documents and their scores as they came, ``"score"`` gives them the
        explained score, in its order.
    top_k : int, optional
        How many documents to return, at most.
    meta_fields_to_embed : sequence of str, default=()
        As of the document embedder: their values are embedded before the content, and so explained.
        ``text`` then stands among the reasons, in which highlights have their places.
    embedding_separator : str
        As of the document embedder; by default a line feed.
    highlight : bool, default=True
        Whether the best sentence and matching words are said; see ``explain_passages``.

    Raises
    ------
    OptionError
        A setting that is not allowed.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        method: str | None = None,
        order: Order = "keep",
        top_k: int | None = None,
        meta_fields_to_embed: Sequence[str] = (),
        embedding_separator: str = "\n",
        highlight: bool = True,
    ) -> None:
        check_settings(order, top_k, name="top_k")
        self.model, self.method, self.order, self.top_k = model, method, order, top_k
        self.meta_fields_to_embed = list(meta_fields_to_embed)
        self.embedding_separator, self.highlight = embedding_separator, highlight
        self._explainer: Any = None

    def warm_up(self) -> None:
        """Open the model, once.

        Raises
        ------
        ModelNotFoundError, UnsafeModelError, ModelError
            The model can't be found or used.
        """
        if self._explainer is None:
            self._explainer = open_explainer(self.model, self.method)

    def to_dict(self) -> dict[str, Any]:
        """Return what a stored pipeline holds. Raises OptionError on a model that has no name."""
        if not isinstance(self.model, str | None):
            raise OptionError(
                f"A {type(self.model).__name__} can't be stored in a pipeline: give the name or "
                "the path of the model."
            )
        stored: dict[str, Any] = default_to_dict(
            self,
            model=self.model,
            method=self.method,
            order=self.order,
            top_k=self.top_k,
            meta_fields_to_embed=self.meta_fields_to_embed,
            embedding_separator=self.embedding_separator,
            highlight=self.highlight,
        )
        return stored

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "WhyalikeReasons":
        """Return what ``to_dict`` stored."""
        made: WhyalikeReasons = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document]) -> dict[str, list[Document]]:
        """Return the documents with their reasons.

        Parameters
        ----------
        query : str
            What the retriever was asked.
        documents : list of Document
            What it found.

        Raises
        ------
        ModelError
            A function of the user's fails, or the model can explain no document.
        """
        self.warm_up()
        texts = [self._embedded(document) for document in documents]
        reasons = explain_passages(self._explainer, query, texts, highlight=self.highlight)
        if self.meta_fields_to_embed:
            reasons = [{**why, "text": text} for text, why in zip(texts, reasons, strict=True)]
        found = in_order(documents, reasons, order=self.order, most=self.top_k)
        return {"documents": [self._with_reasons(document, why) for document, why in found]}

    def _embedded(self, document: Document) -> str:
        """Return the text that the document embedder of the same settings embeds."""
        named = (document.meta.get(name) for name in self.meta_fields_to_embed)
        return self.embedding_separator.join(
            [*(str(value) for value in named if value), document.content or ""]
        )

    def _with_reasons(self, document: Document, why: dict[str, Any]) -> Document:
        score = why["score"] if self.order == "score" else document.score
        return replace(document, meta={**document.meta, KEY: why}, score=score)
