"""The component for Haystack, against the real haystack-ai."""

import os

import pytest

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
pytest.importorskip("haystack", reason="haystack-ai is not installed (extra haystack)")

from counted_words import check_reasons
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from whyalike.errors import OptionError
from whyalike.integrations.haystack import WhyalikeReasons


def documents_of(passages):
    return [
        Document(id=str(n), content=text, meta={"shop": "red"}, score=0.5)
        for n, text in enumerate(passages)
    ]


def test_documents_keep_their_order_and_get_reasons(explainer, asked):
    query, passages = asked
    documents = documents_of(passages)
    found = WhyalikeReasons(explainer).run(query=query, documents=documents)["documents"]
    assert [(one.id, one.content, one.score) for one in found] == [
        (one.id, one.content, one.score) for one in documents
    ]
    assert all("whyalike" not in one.meta for one in documents)
    for one in found:
        assert one.meta["shop"] == "red"
        if one.content:
            check_reasons(one.meta["whyalike"], explainer, query, one.content)
        else:
            assert one.meta["whyalike"]["error"] == "The passage is blank."


def test_what_is_embedded_is_explained_metadata_and_all(explainer, asked):
    query, passages = asked
    component = WhyalikeReasons(
        explainer, meta_fields_to_embed=["shop", "nothing"], order="score", top_k=2
    )
    found = component.run(query=query, documents=documents_of(passages))["documents"]
    assert [one.id for one in found] == ["3", "2"] or [one.id for one in found] == ["2", "3"]
    for one in found:
        why = one.meta["whyalike"]
        assert why["text"] == f"red\n{one.content}"
        assert one.score == why["score"]
        check_reasons(why, explainer, query, why["text"])


def test_it_runs_in_a_pipeline_and_is_stored_with_it(explainer, asked):
    query, passages = asked
    store = InMemoryDocumentStore()
    store.write_documents(documents_of([text for text in passages if text]))
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(store))
    pipeline.add_component("reasons", WhyalikeReasons(explainer))
    pipeline.connect("retriever.documents", "reasons.documents")
    found = pipeline.run({"retriever": {"query": query}, "reasons": {"query": query}})
    assert all(one.meta["whyalike"]["verdict"] for one in found["reasons"]["documents"])
    stored = WhyalikeReasons("some/model", order="score", top_k=3).to_dict()
    again = WhyalikeReasons.from_dict(stored)
    assert (again.model, again.order, again.top_k) == ("some/model", "score", 3)
    with pytest.raises(OptionError, match="name or the path"):
        WhyalikeReasons(explainer).to_dict()
    with pytest.raises(OptionError, match="top_k"):
        WhyalikeReasons(explainer, top_k=0)
