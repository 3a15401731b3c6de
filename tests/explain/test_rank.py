"""Passages ranked for a query: order, reasons, the right passage, sizes of chunks, bad input."""

import json

import numpy as np
import pytest

from raising import raises
from tiny_models import tiny, tiny_reranker
from whyalike import BM25, BTIOptions, Explainer, Fusion, Item, Ranking
from whyalike.errors import FormatError, OptionError, TextError
from whyalike.models.scorer import score_in_chunks
from whyalike.options import Chunks

QUERY = "How do I keep my hands warm in winter?"
GLOVES = "We sell many things. Woollen gloves keep hands warm in winter. The shop opens at nine."
OPENING = "The shop opens at nine and closes at five. Payment by card is accepted."
SCARF = "A scarf keeps the neck warm. It comes in red and blue. The shop opens at nine."
PASSAGES = [OPENING, GLOVES, SCARF]
IDS = ["opening", "gloves", "scarf"]


@pytest.fixture(scope="module")
def minilm():
    return Explainer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def ranking(minilm):
    return minilm.rank(QUERY, PASSAGES, ids=IDS, right="scarf", sizes=(8, "whole"))


@pytest.mark.weights
def test_passages_stand_in_the_order_of_their_scores(minilm, ranking):
    scores = {
        id: minilm.explain(QUERY, text).similarity for id, text in zip(IDS, PASSAGES, strict=True)
    }
    best = sorted(IDS, key=lambda id: -scores[id])
    assert [each.id for each in ranking.passages] == best
    assert [each.rank for each in ranking.passages] == [1, 2, 3]
    for each in ranking.passages:
        assert each.score == pytest.approx(scores[each.id], abs=1e-6)
        assert each.explanation.similarity == pytest.approx(each.score, abs=1e-6)
    assert ranking.first.id == "gloves"


@pytest.mark.weights
def test_the_sentence_is_the_one_whose_deletion_costs_most(minilm, ranking):
    """By hand: the passage without each of its sentences."""
    first = ranking.first
    assert first.carried_by == "Woollen gloves keep hands warm in winter."
    one, other, last = "We sell many things.", first.carried_by, "The shop opens at nine."
    falls = [
        first.score - minilm.explain(QUERY, f"{a} {b}").similarity
        for a, b in ((other, last), (one, last), (one, other))
    ]
    assert first.sentence.fall == pytest.approx(max(falls), abs=1e-5)
    assert falls[1] == max(falls)
    best = minilm.highlight(QUERY, GLOVES).best
    assert (best.start, best.end) == (first.sentence.start, first.sentence.end)
    assert first.sentence.similarity == pytest.approx(best.similarity, abs=1e-5)
    assert first.sentence.of == 3


@pytest.mark.weights
def test_the_right_passage_is_compared_with_the_first(minilm, ranking):
    assert ranking.right == "scarf"
    comparison = minilm.compare(QUERY, SCARF, GLOVES)
    assert ranking.comparison.margin == pytest.approx(comparison.margin, abs=1e-6)
    assert ranking.comparison.margin < 0
    adds = {word.text: -word.contribution for word in comparison.query.words}
    assert dict(ranking.difference)["hands"] == pytest.approx(adds["hands"], abs=1e-5)
    lacking = [word for word, _ in ranking.winning]
    assert {"gloves", "hands"} <= set(lacking)
    assert "warm" not in lacking
    assert "shop" not in lacking
    by_value = [value for _, value in ranking.winning]
    assert by_value == sorted(by_value, reverse=True)
    assert "“scarf” is 2 of 3, behind “gloves”" in ranking.sentence()


@pytest.mark.weights
def test_sizes_are_ranks_by_the_best_chunk(minilm, ranking):
    eight, whole = ranking.sizes
    pairs = [(QUERY, text) for text in PASSAGES]
    found = score_in_chunks(minilm.model, pairs, prompts=("", ""), chunks=Chunks(8))
    scores = [one.score for one in found]
    assert (eight.size, whole.size) == (8, None)
    assert eight.score == pytest.approx(scores[2], abs=1e-6)
    assert eight.rank == 1 + sum(score > scores[2] for score in scores)
    assert (eight.chunk.number, eight.chunk.of) == (
        found[2].best[1] + 1,
        len(found[2].spans[1]),
    )
    assert whole.rank == ranking["scarf"].rank
    assert whole.chunk is None
    assert eight.first == "gloves"


def test_a_right_passage_that_is_diluted_is_found_in_chunks():
    """By hand: a scorer that sees the share of a passage's words that the query has."""

    def share(pairs):
        return [
            len({*query.split()} & {*text.split()}) / len(text.split()) for query, text in pairs
        ]

    long = " ".join(["filler"] * 40 + ["warm", "hands"] + ["filler"] * 40)
    found = Explainer(score=share).rank(
        "warm hands",
        ["warm stove in the hall", long],
        ids=["stove", "long"],
        right="long",
        sizes=(2, 8, "whole"),
    )
    assert [(each.size, each.rank) for each in found.sizes] == [(2, 1), (8, 1), (None, 2)]
    assert "in chunks of 2, 8 tokens it would be first" in found.sentence()


@pytest.mark.weights
def test_documents_come_back_and_what_is_damaged_is_said(ranking):
    assert Ranking.from_json(ranking.to_json()) == ranking
    content = json.loads(ranking.to_json())
    with raises(FormatError, "right", "no passage"):
        Ranking.from_dict({**content, "right": "hat"})
    with raises(FormatError, "passages"):
        Ranking.from_dict({**content, "passages": []})
    passages = [
        {**content["passages"][0], "sentence": {**content["passages"][0]["sentence"], "end": 999}}
    ]
    with raises(FormatError, "sentence", "not in the text"):
        Ranking.from_dict({**content, "passages": passages})
    with raises(FormatError, "newer"):
        Ranking.from_dict({**content, "tomorrow": 1})


@pytest.mark.weights
def test_rows_and_frames_have_a_line_for_each_passage(ranking):
    rows = ranking.rows()
    assert [row["id"] for row in rows] == [each.id for each in ranking.passages]
    assert [row["right"] for row in rows] == [False, True, False]
    assert rows[0]["sentence"] == "Woollen gloves keep hands warm in winter."
    pandas = pytest.importorskip("pandas")
    frame = ranking.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["score"].tolist() == [each.score for each in ranking.passages]


@pytest.mark.weights
def test_what_is_drawn_says_ranks_sentences_and_sizes(ranking):
    html, text, markdown = ranking.to_html(), str(ranking), ranking.to_markdown()
    for shown in (html, text, markdown):
        assert "Woollen gloves keep hands warm in winter." in " ".join(shown.split())
        assert "scarf" in shown
    assert "Would chunking find it" in html
    assert "would chunking find it" in text
    assert "| 8 |" in markdown
    assert (
        "<script>"
        not in Explainer("all-MiniLM-L6-v2")
        .rank(QUERY, ["<script>alert(1)</script> warm | hands", "[a](http://b)"], explain=1)
        .to_markdown()
    )


def explainers():
    texts = [*PASSAGES, "gloves and scarves"]
    return {
        "bi-encoder": Explainer(tiny("bert").parts),
        "bti": Explainer(tiny("bert").parts, method="bti"),
        "cross-encoder": Explainer(tiny_reranker("bert").parts),
        "bm25": Explainer(BM25(texts)),
        "fusion": Explainer(Fusion([(BM25(texts), 1.0), (tiny("bert").parts, 2.0)])),
        "ranks": Explainer(
            Fusion([(BM25(texts), 1.0), (tiny("bert").parts, 2.0)], normalise="ranks", over=texts)
        ),
        "embed": Explainer(
            embed=lambda texts: np.array([[len(t), t.count("a"), 1.0] for t in texts])
        ),
        "score": Explainer(
            score=lambda pairs: [len({*a.split()} & {*b.split()}) for a, b in pairs]
        ),
    }


@pytest.mark.parametrize(
    "kind",
    ["bi-encoder", "bti", "cross-encoder", "bm25", "fusion", "ranks", "embed", "score"],
)
def test_every_kind_of_scorer_ranks_with_what_it_gives(kind):
    explainer = explainers()[kind]
    found = explainer.rank(QUERY, PASSAGES, ids=IDS, right="scarf", explain=2)
    scores = [each.score for each in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert len(found.explained) >= 2
    assert all(each.sentence is not None for each in found.explained)
    measured = [each.sentence.fall is not None for each in found.explained]
    assert all(measured) or not any(measured)
    assert any(measured) == (kind not in ("embed", "score"))
    if found.first.id != "scarf":
        assert (found.comparison is None) == (kind == "ranks")
        assert kind != "ranks" or "not compared" in found.notes[-1]
    assert Ranking.from_json(found.to_json()) == found
    assert str(found)
    assert found.to_html()


def test_the_query_is_read_once_and_equal_passages_too():
    sent = []

    def embed(texts):
        sent.extend(texts)
        return np.array([[len(text), text.count("a"), 1.0] for text in texts])

    found = Explainer(embed=embed).rank(QUERY, [*PASSAGES, GLOVES], explain=0)
    assert sorted(sent) == sorted([QUERY, *PASSAGES])
    assert found.method is None
    assert not found.explained
    assert "none is explained" in found.notes[0]
    tied = [each for each in found.passages if each.text == GLOVES]
    assert [each.tied for each in tied] == [2, 2]
    assert [each.id for each in tied] == ["2", "4"]


def test_only_the_first_are_explained_and_the_right_one():
    texts = [
        f"{word} number {n}" for n, word in enumerate(["wool", "gloves", "hands", "lemon"] * 10)
    ]
    found = Explainer(tiny("bert").parts).rank("warm hands", texts, explain=3)
    assert [each.explanation is not None for each in found.passages] == [True] * 3 + [False] * 37
    last = found.passages[-1].id
    found = Explainer(tiny("bert").parts).rank("warm hands", texts, explain=1, right=last)
    assert [each.rank for each in found.explained] == [1, 40]
    assert "All 40 passages are scored, and 2 are explained." in found.notes
    assert found[last].id == last
    with raises(OptionError, "no passage 'hat'"):
        found["hat"]
    assert str(found).count("\n") < 100  # The rest is counted, not listed.


def test_passages_are_read_by_chunks_where_that_is_asked():
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(long_text="chunks", chunk_size=8))
    found = explainer.rank("warm hands", PASSAGES, ids=IDS)
    for each in found.passages:
        assert each.chunk == each.explanation.right.chunk
        assert each.chunk.start <= each.sentence.start <= each.sentence.end <= each.chunk.end
        alone = Explainer(tiny("bert").parts).explain(
            "warm hands", each.text[each.chunk.start : each.chunk.end]
        )
        assert each.score == pytest.approx(alone.similarity, abs=1e-6)
    assert found.long_text == "chunks of 8 tokens, max"
    assert f"{found.first.chunk}, characters" in " ".join(str(found).split())


def test_items_have_their_own_ids_and_titles():
    items = [Item("a", "Gloves", GLOVES), Item("b", "Only a title", "")]
    found = Explainer(tiny("bert").parts).rank(QUERY, items)
    assert {(each.id, each.title, each.text) for each in found.passages} == {
        ("a", "Gloves", GLOVES),
        ("b", "Only a title", "Only a title"),
    }


def test_bad_input_says_what_to_do():
    rank = Explainer(tiny("bert").parts).rank
    with raises(OptionError, "no passages", "give one"):
        rank(QUERY, [])
    with raises(OptionError, "list of texts"):
        rank(QUERY, "one text")
    with raises(OptionError, "query is blank"):
        rank("  ", PASSAGES)
    with raises(OptionError, "Two passages have the id 'a'"):
        rank(QUERY, PASSAGES, ids=["a", "b", "a"])
    with raises(OptionError, "2 ids", "3"):
        rank(QUERY, PASSAGES, ids=["a", "b"])
    with raises(OptionError, "1 id", "3"):
        rank(QUERY, PASSAGES, ids=["a"])
    with raises(TextError, "passage '2' is blank"):
        rank(QUERY, [GLOVES, " \n"])
    with raises(TextError, "passage 2", "bytes"):
        rank(QUERY, [GLOVES, b"bytes"])
    with raises(OptionError, "right is 'hat'", "'opening'"):
        rank(QUERY, PASSAGES, ids=IDS, right="hat")
    with raises(OptionError, "right="):
        rank(QUERY, PASSAGES, sizes=(64,))
    with raises(OptionError, "sizes has 0", "whole"):
        rank(QUERY, PASSAGES, right="1", sizes=(0,))
    with raises(OptionError, "explain"):
        rank(QUERY, PASSAGES, explain=-1)


def test_a_query_in_another_script_is_said():
    found = Explainer(tiny("bert").parts).rank("тёплые перчатки", PASSAGES, explain=1)
    assert any("Cyrillic letters" in note and "Latin" in note for note in found.notes)
    assert not any(
        "letters" in note for note in Explainer(tiny("bert").parts).rank(QUERY, PASSAGES).notes
    )


def test_ten_thousand_passages_are_scored_in_parts_and_counted():
    told = []
    found = Explainer(BM25(PASSAGES)).rank(
        "gloves",
        [f"gloves {n}" for n in range(10_000)],
        explain=2,
        progress=lambda *at: told.append(at),
    )
    assert told[0] == (1024, 10_000)
    assert told[-1] == (10_000, 10_000)
    assert "All 10,000 passages are scored, and 2 are explained." in found.notes
    assert "and 9,980 more" in str(found)
    assert len(found.to_html()) < 1_000_000


def test_a_table_is_refused_and_its_column_is_ranked():
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    explainer = Explainer(tiny("bert").parts)
    columns = {"id": IDS, "passage": PASSAGES}
    tables = pandas.DataFrame(columns), pyarrow.table(columns)
    calls = explainer.rank, explainer.trace, explainer.highlight_many
    for table in tables:
        for call in calls:
            with raises(OptionError, "2 columns ('id', 'passage')", "table['passage']"):
                call(QUERY, table)
    for given in (dict(columns), b"a"):
        for call in calls:
            with raises(OptionError, f"of type {type(given).__name__}"):
                call(QUERY, given)
    own = explainer.rank(QUERY, PASSAGES, explain=1)
    for table in tables:
        assert explainer.rank(QUERY, table["passage"], explain=1) == own


def test_whole_numbers_are_ids():
    explainer = Explainer(tiny("bert").parts)
    found = explainer.rank(QUERY, PASSAGES, ids=[7, 8, np.int64(9)], right=8, explain=1)
    assert sorted(each.id for each in found.passages) == ["7", "8", "9"]
    assert found == explainer.rank(QUERY, PASSAGES, ids=["7", "8", "9"], right="8", explain=1)
    with raises(OptionError, "ids[1]", "float"):
        explainer.rank(QUERY, PASSAGES, ids=[1, 2.5, 3])
    with raises(OptionError, "right", "bool"):
        explainer.rank(QUERY, PASSAGES, right=True)


def test_nothing_is_explained_where_none_is_wanted():
    explainer = Explainer(tiny("bert").parts)
    last = explainer.rank(QUERY, PASSAGES, explain=0).passages[-1].id
    found = explainer.rank(QUERY, PASSAGES, explain=0, right=last, sizes=("whole",))
    assert found.explained == ()
    assert (found.comparison, found.method) == (None, None)
    assert found.sizes[0].rank == 3
    assert "none is explained" in found.notes[0]


def test_scripts_have_their_names():
    explainer = Explainer(tiny("bert").parts)
    notes = explainer.rank("手袋", ["warm gloves"], explain=0).notes
    assert any("CJK" in note for note in notes)


@pytest.mark.parametrize("reading", ["truncate", "chunks", "windows"])
@pytest.mark.parametrize("method", [None, "bti", "occlusion"])
def test_where_all_are_explained_scores_and_order_are_those_of_the_rest(reading, method):
    size = {"chunk_size": 8} if reading == "chunks" else {}
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(long_text=reading, **size))
    passages = [*PASSAGES, " ".join(PASSAGES), GLOVES, "wool"]
    every = explainer.rank(QUERY, passages, explain=len(passages), method=method)
    some = explainer.rank(QUERY, passages, explain=1, method=method)
    assert [each.id for each in every.passages] == [each.id for each in some.passages]
    assert [each.tied for each in every.passages] == [each.tied for each in some.passages]
    assert [each.chunk for each in every.passages] == [each.chunk for each in some.passages]
    for one, other in zip(every.passages, some.passages, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert one.explanation.similarity == one.score


def test_where_all_are_explained_each_text_is_read_once(monkeypatch):
    explainer = Explainer(tiny("bert").parts)
    explainer.explain(QUERY, GLOVES)  # The gradient's check comes first.
    texts = [f"{word} number {n}" for n, word in enumerate(["wool", "gloves", "hands"] * 4)]
    rows, told = 0, []
    real = explainer.encoder._forward

    def forward(some, **settings):
        nonlocal rows
        rows += len(some)
        return real(some, **settings)

    monkeypatch.setattr(explainer.encoder, "_forward", forward)
    found = explainer.rank(
        QUERY,
        [*texts, texts[0]],
        explain=20,
        sentences=False,
        progress=lambda *at: told.append(at),
    )
    assert len(found.explained) == 13
    assert rows == len(texts) + 1
    assert told == [(12, 12)]
