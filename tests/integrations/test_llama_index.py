"""The postprocessor for LlamaIndex, against the real llama-index-core."""

import pytest

pytest.importorskip(
    "llama_index.core", reason="llama-index-core is not installed (extra llama-index)"
)

from counted_words import bag, check_reasons
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from whyalike.errors import OptionError
from whyalike.integrations.llama_index import WhyalikePostprocessor


def nodes_of(passages):
    return [
        NodeWithScore(
            node=TextNode(
                text=text,
                id_=str(n),
                metadata={"shop": "red", "secret": "wool"},
                excluded_embed_metadata_keys=["secret"],
            ),
            score=0.5,
        )
        for n, text in enumerate(passages)
    ]


def test_what_is_embedded_is_explained_metadata_and_all(explainer, asked):
    query, passages = asked
    nodes = nodes_of(passages)
    found = WhyalikePostprocessor(model=explainer).postprocess_nodes(nodes, query_str=query)
    assert [one.node.node_id for one in found] == ["0", "1", "2", "3"]
    assert [one.score for one in found] == [0.5] * 4
    for before, after in zip(nodes, found, strict=True):
        embedded = before.node.get_content(metadata_mode=MetadataMode.EMBED)
        why = after.node.metadata["whyalike"]
        assert "shop: red" in embedded
        assert "secret" not in embedded
        assert why["text"] == embedded
        check_reasons(why, explainer, query, embedded)
        # Neither an embedding nor a language model is shown the reasons, and nothing came changed.
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            assert after.node.get_content(metadata_mode=mode) == before.node.get_content(
                metadata_mode=mode
            )
        assert "whyalike" not in before.node.metadata
        assert before.node.excluded_embed_metadata_keys == ["secret"]


def test_scores_are_the_explained_ones_where_they_order(explainer, asked):
    query, passages = asked
    ordering = WhyalikePostprocessor(model=explainer, order="score", top_n=2)
    found = ordering.postprocess_nodes(nodes_of(passages), query_str=query)
    assert [one.node.node_id for one in found] == ["2", "3"]
    assert [one.score for one in found] == [one.node.metadata["whyalike"]["score"] for one in found]
    assert found[0].score > found[1].score
    with pytest.raises(OptionError, match="query"):
        ordering.postprocess_nodes(nodes_of(passages))


class Bag(BaseEmbedding):
    def _get_text_embedding(self, text):
        return bag([text])[0]

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query):
        return self._get_query_embedding(query)


def test_the_score_of_a_real_index_is_the_one_that_is_explained(explainer, asked):
    query, passages = asked
    documents = [Document(text=text, metadata={"shop": "red gloves"}) for text in passages if text]
    index = VectorStoreIndex.from_documents(documents, embed_model=Bag())
    found = index.as_retriever(similarity_top_k=3).retrieve(query)
    for one in WhyalikePostprocessor(model=explainer).postprocess_nodes(found, query_str=query):
        assert one.node.metadata["whyalike"]["score"] == pytest.approx(one.score, abs=1e-6)
