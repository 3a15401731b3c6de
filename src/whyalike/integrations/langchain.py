"""LangChain: a document compressor that says of each document why it was found.

Use it as any reranker, in a ContextualCompressionRetriever or on its own.
"""

from collections.abc import Sequence
from typing import Any

from whyalike.errors import MissingExtraError
from whyalike.integrations.reasons import (
    KEY,
    Order,
    check_settings,
    explain_passages,
    in_order,
    open_explainer,
)

try:
    from langchain_core.callbacks import Callbacks
    from langchain_core.documents import BaseDocumentCompressor, Document
    from pydantic import ConfigDict, PrivateAttr
except ImportError as error:
    raise MissingExtraError("The adapter for LangChain", "langchain-core", "langchain") from error


class WhyalikeCompressor(BaseDocumentCompressor):
    """Adds reasons to the metadata of documents, under ``"whyalike"``; see ``Reasons``.

    Documents are copied, never changed. One that can't be explained stays, with the reason.

    Parameters
    ----------
    model : Explainer, or what one is made of, optional
        What explains: the model of the retriever, so that the reasons are of its scores, or a
        reranker.
    method : str, optional
        A registered method; by default the Explainer's.
    order : Order, default='keep'
        ``"keep"`` leaves documents in the retriever's order, ``"score"`` puts them in that of the
        explained score.
    top_n : int, optional
        How many documents to return, at most.
    highlight : bool, default=True
        Whether the best sentence and matching words are said; see ``explain_passages``.

    Raises
    ------
    ValidationError
        A setting that is not allowed; it is pydantic's, and says what ours would.
    ModelNotFoundError, UnsafeModelError, ModelError
        The model can't be found or used.
    """

    model: Any = None
    method: str | None = None
    order: Order = "keep"
    top_n: int | None = None
    highlight: bool = True

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _explainer: Any = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the model."""
        super().model_post_init(context)
        check_settings(self.order, self.top_n, name="top_n")
        self._explainer = open_explainer(self.model, self.method)

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002
    ) -> list[Document]:
        """Return the documents with their reasons.

        Parameters
        ----------
        documents : sequence of Document
            What the retriever found.
        query : str
            What it was asked.
        callbacks : Callbacks, optional
            Not used: no chain runs inside.

        Raises
        ------
        ModelError
            A function of the user's fails, or the model can explain no document.
        """
        texts = [one.page_content for one in documents]
        reasons = explain_passages(self._explainer, query, texts, highlight=self.highlight)
        found = in_order(list(documents), reasons, order=self.order, most=self.top_n)
        return [
            document.model_copy(update={"metadata": {**document.metadata, KEY: why}})
            for document, why in found
        ]
