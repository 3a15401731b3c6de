"""Columns of data frames and attributes of spans; and nothing of it is imported by whyalike."""

import json
import subprocess
import sys

import pytest
from counted_words import check_reasons

from raising import raises
from whyalike.errors import ModelError, OptionError
from whyalike.integrations.columns import explain_columns
from whyalike.integrations.reasons import explain_passages
from whyalike.integrations.spans import reason_attributes


def test_columns_of_pandas(explainer, asked):
    pandas = pytest.importorskip("pandas")
    query, passages = asked
    frame = pandas.DataFrame({"q": query, "text": [*passages, None]}, index=list("abcde"))
    found = frame.assign(**explain_columns(frame["q"], frame["text"], model=explainer))
    assert list(found.columns) == ["q", "text", "score", "verdict", "pairs", "error"]
    expected = explainer.explain(query, passages[2])
    assert found.loc["c", "score"] == pytest.approx(expected.similarity, abs=1e-9)
    assert found.loc["c", "verdict"] == expected.verdict
    assert found.loc["b", "error"] == "The right text is blank."
    assert "not str" in found.loc["e", "error"]
    assert found["error"].notna().tolist() == [False, True, False, False, True]
    with raises(OptionError, "DataFrame", "column"):
        explain_columns(frame, frame["text"], model=explainer)
    with raises(OptionError, "5", "2"):
        explain_columns(frame["q"], ["a", "b"], model=explainer)


def test_columns_of_polars(explainer, asked):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    query, passages = asked
    frame = polars.DataFrame({"q": [query] * 4, "text": passages})
    columns = explain_columns(frame["q"], frame["text"], model=explainer, fields=["all"])
    found = frame.hstack(polars.DataFrame(columns))
    assert found["score"][2] == pytest.approx(explainer.explain(query, passages[2]).similarity)
    assert found["right_text"].to_list() == [passages[0], None, *passages[2:]]


def test_columns_are_explained_in_batches_as_alone(explainer, asked):
    query, passages = asked
    texts = [f"{passages[2]} {n}" for n in range(200)]
    found = explain_columns([query] * 200, texts, model=explainer, fields=["score"])
    alone = [explainer.explain(query, text).similarity for text in (texts[0], texts[199])]
    assert [found["score"][0], found["score"][199]] == pytest.approx(alone, abs=1e-9)
    assert explain_columns([], [], model=explainer) == {
        "score": [],
        "verdict": [],
        "pairs": [],
        "error": [],
    }


def test_a_service_that_fails_is_no_error_of_a_row(asked):
    from whyalike import BlackBox, Explainer

    def fails(texts):
        raise ConnectionError("away")

    broken = Explainer(embed=BlackBox(fails, retry=None))
    query, passages = asked
    with pytest.raises(ModelError):
        explain_passages(broken, query, passages)
    with pytest.raises(ModelError):
        explain_columns([query], [passages[0]], model=broken)


def test_passages_have_highlights_unless_they_are_not_wanted(explainer, asked):
    query, passages = asked
    with_them = explain_passages(explainer, query, passages)
    without = explain_passages(explainer, query, passages, highlight=False)
    # "gloves" and "warm" are words of the query, and only one of two passages has both.
    assert [{one["text"] for one in why["highlights"]} for why in with_them] == [
        {"gloves"}, set(), {"warm", "gloves"}, {"warm"},
    ]  # fmt: skip
    for one, other in zip(with_them, without, strict=True):
        assert (other["highlights"], other["sentence"]) == ([], None)
        assert {**one, "highlights": [], "sentence": None} == other


def test_attributes_are_those_of_openinference(explainer, asked):
    query, passages = asked
    reasons = explain_passages(explainer, query, passages)
    found = reason_attributes(query, passages, reasons, ids=["a", "b", "c", "d"])
    assert all(isinstance(value, str | int | float) for value in found.values())
    said = json.loads(found["reranker.output_documents.2.document.metadata"])["whyalike"]
    check_reasons(said, explainer, query, passages[2])
    assert "reranker.output_documents.1.document.score" not in found
    with raises(OptionError, "4", "1"):
        reason_attributes(query, passages, reasons, ids=["a"])
    trace = pytest.importorskip(
        "openinference.semconv.trace", reason="openinference-semantic-conventions is not installed"
    )
    reranker, document = trace.RerankerAttributes, trace.DocumentAttributes
    assert (
        found[trace.SpanAttributes.OPENINFERENCE_SPAN_KIND]
        == trace.OpenInferenceSpanKindValues.RERANKER.value
    )
    assert found[reranker.RERANKER_QUERY] == query
    assert found[reranker.RERANKER_MODEL_NAME] == "bag"
    at = f"{reranker.RERANKER_OUTPUT_DOCUMENTS}.2."
    assert found[at + document.DOCUMENT_ID] == "c"
    assert found[at + document.DOCUMENT_CONTENT] == passages[2]
    assert found[at + document.DOCUMENT_SCORE] == pytest.approx(reasons[2]["score"])


def test_a_span_takes_them(explainer, asked):
    pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    query, passages = asked
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    reasons = explain_passages(explainer, query, passages)
    with provider.get_tracer("test").start_as_current_span("search") as span:
        span.set_attributes(reason_attributes(query, passages, reasons))
    assert exporter.get_finished_spans()[0].attributes["reranker.query"] == query


def test_nothing_of_it_is_imported_by_whyalike_or_loads_torch_by_itself():
    code = (
        "import sys, whyalike, whyalike.integrations; "
        "print(*[n for n in sys.modules if n.startswith(('torch', 'whyalike.integrations.', 'langchain'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("module", "hidden", "extra"),
    [
        ("langchain", "langchain_core", "langchain"),
        ("llama_index", "llama_index", "llama-index"),
        ("haystack", "haystack", "haystack"),
    ],
)
def test_a_missing_package_is_said_with_its_extra(monkeypatch, module, hidden, extra):
    from importlib import import_module

    from whyalike.errors import MissingExtraError

    for name in [name for name in sys.modules if name == hidden or name.startswith(hidden + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, hidden, None)
    monkeypatch.delitem(sys.modules, f"whyalike.integrations.{module}", raising=False)
    with raises(MissingExtraError, f"whyalike[{extra}]"):
        import_module(f"whyalike.integrations.{module}")
