"""The compressor for LangChain, against the real langchain-core."""

import asyncio
import json

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed (extra langchain)")

from counted_words import check_reasons
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from whyalike.integrations.langchain import WhyalikeCompressor


def documents_of(passages):
    return [
        Document(page_content=text, metadata={"source": n}, id=str(n))
        for n, text in enumerate(passages)
    ]


def test_documents_keep_their_order_and_get_reasons(explainer, asked):
    query, passages = asked
    documents = documents_of(passages)
    compressor = WhyalikeCompressor(model=explainer)
    assert isinstance(compressor, BaseDocumentCompressor)
    found = compressor.compress_documents(documents, query)
    assert [one.page_content for one in found] == passages
    assert [one.id for one in found] == ["0", "1", "2", "3"]
    assert [one.metadata["source"] for one in found] == [0, 1, 2, 3]
    assert all("whyalike" not in one.metadata for one in documents)
    for one in found:
        why = one.metadata["whyalike"]
        json.dumps(why, allow_nan=False)
        if one.page_content:
            check_reasons(why, explainer, query, one.page_content)
        else:
            assert why["error"] == "The passage is blank."
            assert why["score"] is None
    assert asyncio.run(compressor.acompress_documents(documents, query)) == found


def test_it_reranks_where_it_is_asked_to(explainer, asked):
    query, passages = asked
    found = WhyalikeCompressor(model=explainer, order="score", top_n=3).compress_documents(
        documents_of(passages), query
    )
    assert [one.page_content for one in found] == [
        "warm red gloves",
        "warm boots",
        "cold wool gloves",
    ]
    last = WhyalikeCompressor(model=explainer, order="score").compress_documents(
        documents_of(passages), query
    )[-1]
    assert last.page_content == ""


def test_it_stands_behind_a_retriever(explainer, asked):
    query, passages = asked
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents(documents_of([text for text in passages if text]))
    compressor = WhyalikeCompressor(model=explainer)
    chain = store.as_retriever(search_kwargs={"k": 2}) | RunnableLambda(
        lambda found: compressor.compress_documents(found, query)
    )
    found = chain.invoke(query)
    assert len(found) == 2
    assert all(one.metadata["whyalike"]["verdict"] for one in found)


def test_wrong_settings_and_a_broken_model(explainer, asked):
    with pytest.raises(ValueError, match="top_n is 0"):
        WhyalikeCompressor(model=explainer, top_n=0)
    with pytest.raises(ValueError, match="order"):
        WhyalikeCompressor(model=explainer, order="best")
    with pytest.raises(ValueError, match="no method 'nothing'"):
        WhyalikeCompressor(model=explainer, method="nothing")
    assert WhyalikeCompressor(model=explainer).compress_documents([], "warm") == []
