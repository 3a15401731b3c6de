"""LlamaIndex: a node postprocessor that says of each node why it was found.

LlamaIndex embeds a node's text with its metadata; what is explained is exactly that text.
"""

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
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
except ImportError as error:
    raise MissingExtraError(
        "The adapter for LlamaIndex", "llama-index-core", "llama-index"
    ) from error


class WhyalikePostprocessor(BaseNodePostprocessor):
    """Adds reasons to the metadata of nodes, under ``"whyalike"``; see ``Reasons``.

    ``text`` stands among them: what was embedded and explained, in which highlights have their
    places. Nodes are copied, never changed, and neither embedding models nor language models are
    shown the reasons.

    Parameters
    ----------
    model : Explainer, or what one is made of, optional
        What explains: the model of the index, so that the reasons are of its scores, or a reranker.
    method : str, optional
        A registered method; by default the Explainer's.
    order : Order, default='keep'
        ``"keep"`` leaves nodes and their scores as they came, ``"score"`` gives them the explained
        score, in its order.
    top_n : int, optional
        How many nodes to return, at most.
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
    _explainer: Any = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the model."""
        super().model_post_init(context)
        check_settings(self.order, self.top_n, name="top_n")
        self._explainer = open_explainer(self.model, self.method)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex stores."""
        return "WhyalikePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise OptionError("Reasons need a query: give query_str or query_bundle.")
        texts = [one.node.get_content(metadata_mode=MetadataMode.EMBED) for one in nodes]
        query = query_bundle.query_str
        explained = explain_passages(self._explainer, query, texts, highlight=self.highlight)
        reasons = [{**why, "text": text} for text, why in zip(texts, explained, strict=True)]
        found = in_order(nodes, reasons, order=self.order, most=self.top_n)
        return [self._with_reasons(node, why) for node, why in found]

    def _with_reasons(self, found: NodeWithScore, why: dict[str, Any]) -> NodeWithScore:
        node = found.node
        hidden = {
            name: [*dict.fromkeys([*getattr(node, name), KEY])]
            for name in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
        }
        copied = node.model_copy(update={"metadata": {**node.metadata, KEY: why}, **hidden})
        score = why["score"] if self.order == "score" else found.score
        return NodeWithScore(node=copied, score=score)
