"""A model that counts words, passages for a query, and what their reasons must be."""

import pytest

WORDS = ("warm", "cold", "gloves", "boots", "wool", "red")
QUERY = "warm gloves"
PASSAGES = ["cold wool gloves", "", "warm red gloves", "warm boots"]


def bag(texts):
    return [[0.1, *(float(text.lower().split().count(word)) for word in WORDS)] for text in texts]


def check_reasons(why, explainer, query, text):
    """Reasons are those of the Explainer, and highlights are at their places."""
    explanation = explainer.explain(query, text)
    assert why["score"] == pytest.approx(explanation.similarity, abs=1e-9)
    assert why["verdict"] == explanation.verdict
    assert (why["method"], why["model"]) == (explanation.method, explanation.model)
    assert "error" not in why
    left, right = explanation.left.words, explanation.right.words
    assert [(one["query"], one["passage"]) for one in why["pairs"]] == [
        (left[pair.left].text, right[pair.right].text) for pair in explanation.pairs[:5]
    ]
    marked = explainer.highlight(query, text)
    assert [(one["start"], one["end"], one["kind"]) for one in why["highlights"]] == [
        (span.start, span.end, span.kind) for span in marked.spans
    ]
    assert why["sentence"]["score"] == pytest.approx(marked.best.score, abs=1e-9)
    for one in (*why["highlights"], why["sentence"]):
        assert text[one["start"] : one["end"]] == one["text"]
