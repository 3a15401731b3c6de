"""A query through the stages of a search: ranks, cuts and words of a chain that is known."""

import json

import pytest

from pair_tables import PairTable
from raising import raises
from tiny_models import tiny
from whyalike import Explainer, Fusion, Item, Stage, Trace
from whyalike.errors import FormatError, ModelError, OptionError, TextError
from whyalike.trace import ordinal

QUERY = "touchscreen gloves"
PASSAGES = [
    Item("a", "Liners", "smartphone gloves"),
    Item("b", "Mitts", "mitts"),
    Item("c", "Screens", "touchscreen gloves tablet"),
    Item("d", "Hat", "hat"),
    Item("e", "Driving", "gloves gloves"),
]
LEXICAL = {("touchscreen", "touchscreen"): 3.0, ("gloves", "gloves"): 1.0}
MEANING = {
    ("touchscreen", "smartphone"): 5.0,
    ("touchscreen", "touchscreen"): 2.0,
    ("gloves", "gloves"): 1.0,
    ("gloves", "mitts"): 0.5,
    ("touchscreen", "tablet"): -1.0,
}


@pytest.fixture
def first():
    return Explainer(PairTable("words", LEXICAL))


@pytest.fixture
def second():
    return Explainer(PairTable("org/meaning", MEANING))


def ranks_of(trace):
    return {p.id: [(r.rank, r.score, r.tied, r.kept) for r in p.ranks] for p in trace.passages}


def test_ranks_after_each_stage_and_the_cut(first, second):
    trace = first.trace(QUERY, PASSAGES, keep=3, stages=[second], top=0)
    # By hand: c has both words, e one of them twice, a once; b and d have none, in their order.
    assert ranks_of(trace) == {
        "a": [(3, 1.0, 1, True), (1, 6.0, 1, True)],
        "c": [(1, 4.0, 1, True), (2, 2.0, 2, True)],
        "e": [(2, 2.0, 1, True), (3, 2.0, 2, True)],
        "b": [(4, 0.0, 2, False)],
        "d": [(5, 0.0, 2, False)],
    }
    # The final order: as the last stage has it, and then what was cut.
    assert [p.id for p in trace.passages] == ["a", "c", "e", "b", "d"]
    assert [(s.name, s.model, s.scored, s.keep) for s in trace.stages] == [
        ("words", "words", 5, 3),
        ("meaning", "org/meaning", 3, None),
    ]
    assert trace.cut_by(trace["b"]) == trace.stages[0]
    assert trace.cut_by(trace["a"]) is None
    assert trace.explained == ()
    # What was cut is not scored again.
    assert {right for _, right in second.model.asked} == {
        "touchscreen gloves tablet", "gloves gloves", "smartphone gloves",
    }  # fmt: skip


def test_the_words_that_moved_a_passage(first, second):
    trace = first.trace(QUERY, PASSAGES, keep=3, stages=[second], top=2, named=["b"])
    assert [p.id for p in trace.explained] == ["a", "c", "b"]
    moves = [(m.left, m.right, m.share, m.gain) for m in trace.moved_by(trace["a"], 1)]
    assert moves == [
        ("touchscreen", "smartphone", pytest.approx(5 / 6), pytest.approx(5 / 6)),
        ("gloves", "gloves", pytest.approx(1 / 6), pytest.approx(1 / 6 - 1)),
    ]
    assert trace.sentence(trace["a"]) == (
        "words has it 3rd of 5 (it finds only “gloves” in common); meaning lifts it from 3rd to "
        "1st of 3 through “touchscreen – smartphone”."
    )
    assert trace.sentence(trace["c"]) == (
        "words has it 1st of 5 (it finds “touchscreen” and “gloves” in common); meaning drops it "
        "from 1st to 2nd of 3, level with 1 other (held down by “tablet”)."
    )
    assert trace.sentence(trace["b"]) == (
        "words has it 4th of 5, level with 1 other (it finds nothing in common), and cuts it: the "
        "first 3 go on."
    )
    for passage in trace.explained:
        for rank in passage.ranks:
            assert rank.explanation.similarity == pytest.approx(rank.score)
            assert rank.explanation.right.text == passage.text


def test_equal_scores_keep_the_order_of_the_stage_before(first, second):
    reversed_order = first.trace(QUERY, PASSAGES[::-1], stages=[second], top=0)
    assert [p.id for p in reversed_order.passages if p.ranks[0].score == 0] == ["b", "d"]
    assert (reversed_order["d"].ranks[0].rank, reversed_order["b"].ranks[0].rank) == (4, 5)
    # c and e are level in the second stage, and c came first out of the first.
    assert [reversed_order[id].ranks[1].rank for id in "ce"] == [2, 3]


def test_a_cut_through_equal_scores_is_said(first):
    trace = first.trace(QUERY, PASSAGES, keep=4, top=0)
    assert trace.notes == (
        "The cut of words goes through 2 passages with one score: the order of the passages as "
        "they were given decided which went on.",
    )
    assert first.trace(QUERY, PASSAGES, keep=3, top=0).notes == ()


def test_copies_of_a_passage_have_one_score_and_are_scored_once(first):
    trace = first.trace(QUERY, ["gloves", "hat", "gloves", "gloves"], top=3)
    assert [(p.id, p.ranks[0].rank, p.ranks[0].tied) for p in trace.passages] == [
        ("1", 1, 3), ("3", 2, 3), ("4", 3, 3), ("2", 4, 1),
    ]  # fmt: skip
    assert first.model.asked == [(QUERY, "gloves"), (QUERY, "hat")]
    assert "level with 2 others" in trace.sentence(trace["1"])


def test_one_passage_and_none(first, second):
    one = first.trace(QUERY, ["gloves"], keep=5, stages=[second])
    assert ranks_of(one) == {"1": [(1, 1.0, 1, True), (1, 1.0, 1, True)]}
    assert one.sentence(one["1"]) == (
        "words has it 1st of 1 (it finds only “gloves” in common); meaning keeps it 1st of 1 "
        "(it finds only “gloves” in common)."
    )
    for render in (str, Trace.to_html):
        assert "touchscreen gloves" in render(one)
    second.model.asked.clear()
    none = first.trace(QUERY, [], stages=[second])
    assert (none.passages, none.explained, none.rows()) == ((), (), [])
    assert [(s.scored, s.method) for s in none.stages] == [(0, None), (0, None)]
    assert second.model.asked == []
    assert "There is no passage to rank." in str(none)
    assert "No passage to rank." in none.to_html()
    assert Trace.from_json(none.to_json()) == none


def test_blank_and_repeated_texts_are_passages_too(first):
    trace = first.trace(QUERY, ["", " ", "gloves"], top=3)
    assert [p.id for p in trace.passages] == ["3", "1", "2"]
    assert "it finds nothing in common" in trace.sentence(trace["1"])


def test_a_stage_may_have_a_cut_and_a_name_of_its_own(first, second):
    trace = first.trace(
        QUERY,
        PASSAGES,
        stages=[Stage(second, keep=1, name="reranker"), second, PairTable("words", LEXICAL)],
        top=0,
    )
    assert [s.name for s in trace.stages] == ["words", "reranker", "meaning", "words (2)"]
    assert [s.scored for s in trace.stages] == [5, 5, 1, 1]
    assert [len(trace[id].ranks) for id in "acebd"] == [4, 2, 2, 2, 2]


def test_rows_for_a_table(first, second):
    rows = first.trace(QUERY, PASSAGES, keep=3, stages=[second], top=0).rows()
    assert rows[1] == {
        "passage": "a", "stage": "meaning", "score": 6.0, "rank": 1, "before": 3, "tied": 1,
        "kept": True,
    }  # fmt: skip
    assert len(rows) == 3 * 2 + 2


def test_json_gives_the_same_trace_back(first, second):
    trace = first.trace(QUERY, PASSAGES, keep=3, stages=[second], top=2)
    content = json.loads(trace.to_json(indent=1))
    assert (content["format"], content["version"]) == ("whyalike/trace", 1)
    assert content["passages"][0]["sentence"] == trace.sentence(trace["a"])
    assert content["passages"][0]["ranks"][1]["movement"] == "lifts"
    assert content["passages"][3]["cut_by"] == "words"
    assert Trace.from_json(trace.to_json()) == trace
    assert Trace.from_dict(trace.to_dict()) == trace


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("query"), "damaged: query is missing"),
        (lambda c: c["passages"][0].pop("id"), "damaged: passages[0].id is missing"),
        (lambda c: c["passages"][0]["ranks"][0].update(rank="1"), "ranks[0].rank is '1'"),
        (lambda c: c["passages"][0].update(ranks=[]), "passages[0].ranks has 0 entries"),
        (lambda c: c.update(passages=7), "passages is no list"),
        (lambda c: c["passages"].append(7), "passages[5] is no object"),
        (lambda c: c.update(mood="fine"), "mood, which this release does not know"),
        (lambda c: c.update(format="whyalike/othe"), r"is no trace"),
    ],
)
def test_damaged_traces_are_refused(first, change, says):
    content = first.trace(QUERY, PASSAGES, top=0).to_dict()
    change(content)
    with raises(FormatError, says):
        Trace.from_dict(content)


class Broken(PairTable):
    def __init__(self, error):
        super().__init__("broken", {})
        self.error = error

    def score(self, pairs, **_):
        if isinstance(self.error, Exception):
            raise self.error
        return self.error


def test_what_a_stage_raises_says_in_which(first):
    def trace(error):
        return first.trace(QUERY, PASSAGES, stages=[Broken(error)], top=0)

    with raises(ModelError, "Stage 2, broken: out of order."):
        trace(ModelError("out of order."))
    with raises(ModelError, "Stage 2, broken: broken gave NaN or infinity"):
        trace([float("nan")] * 5)
    with raises(ModelError, "Stage 2, broken: broken scored 5 pairs by an array"):
        trace([1.0])
    with pytest.raises(ZeroDivisionError, match=r"own") as raised:
        trace(ZeroDivisionError("its own"))
    assert raised.value.__notes__ == ["(Stage 2, broken)"]


def test_what_is_refused(first):
    with raises(OptionError, "The query is blank"):
        first.trace(" ", PASSAGES)
    with raises(TextError, "The query text is of type int"):
        first.trace(7, PASSAGES)
    with raises(TextError, "The passage 2 text is of type NoneType"):
        first.trace(QUERY, ["gloves", None])
    with raises(OptionError, "passages are of type str"):
        first.trace(QUERY, "gloves")
    with raises(OptionError, "Two passages have the id 'a'"):
        first.trace(QUERY, [PASSAGES[0], PASSAGES[0]])
    with raises(OptionError, "There is no passage 'z'"):
        first.trace(QUERY, PASSAGES, named=["z"])
    with raises(OptionError, "named is 'abc'; give a list"):
        first.trace(QUERY, PASSAGES, named="abc")
    with raises(OptionError, "keep is 0; give a whole number from 1 on"):
        first.trace(QUERY, PASSAGES, keep=0)
    with raises(OptionError, "top is -1; give a whole number from 0 on"):
        first.trace(QUERY, PASSAGES, top=-1)
    with raises(OptionError, "There is no passage 'z' in this trace"):
        _ = first.trace(QUERY, PASSAGES, top=0)["z"]


def test_ordinals():
    said = [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 111, 1103)]
    assert " ".join(said) == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 111th 1,103rd"


TEXTS = [item.description for item in PASSAGES]


@pytest.mark.parametrize("normalise", ["none", "min-max", "z-score", "ranks"])
def test_the_parts_of_a_fusion_are_stages_before_it(normalise):
    parts = PairTable("words", LEXICAL), PairTable("org/meaning", MEANING)
    weighed = list(zip(parts, (1.0, 0.5), strict=True))
    over = None if normalise == "none" else TEXTS
    fusion = Fusion(weighed, normalise=normalise, over=over)
    last = PairTable("last", MEANING)
    trace = Explainer(fusion).trace(QUERY, PASSAGES, keep=2, stages=[last], top=1)
    assert [(s.name, s.part, s.scored) for s in trace.stages] == [
        ("words", True, 5), ("meaning", True, 5), ("fusion", False, 5), ("last", False, 2),
    ]  # fmt: skip
    # Each part ranks by its own score, and the fusion as it does by itself.
    alone = fusion.score([(QUERY, text) for text in TEXTS])
    for item, score in zip(PASSAGES, alone, strict=True):
        found = trace[item.id].ranks
        assert found[0].score == parts[0].score([(QUERY, item.description)])[0]
        assert found[1].score == parts[1].score([(QUERY, item.description)])[0]
        assert found[2].score == pytest.approx(score)
    assert [trace[id].ranks[0].rank for id in "ceabd"] == [1, 2, 3, 4, 5]
    first = trace.passages[0]
    assert trace.movement(first, 1) == "has"
    assert trace.movement(first, 2) == "puts"
    assert trace.movement(first, 3) in ("lifts", "keeps")
    said = trace.sentence(first)
    assert f"fusion puts it {ordinal(first.ranks[2].rank)} of 5" in said
    one, other = first.ranks[2].explanation.parts
    assert f"{one.contribution:.3g} by words and {other.contribution:.3g} by meaning" in said
    assert trace.rows()[1]["before"] is None
    assert Trace.from_json(trace.to_json()) == trace


def test_a_fusion_does_not_score_its_parts_again():
    table = PairTable("words", LEXICAL)
    fusion = Fusion([(table, 1.0), (PairTable("other", MEANING), 1.0)])
    Explainer(fusion).trace(QUERY, PASSAGES, top=0)
    assert len(table.asked) == len(set(TEXTS))


def test_stages_that_a_trace_opens_are_explained_with_signs(first):
    encoder = tiny("bert")
    opened = first.trace(QUERY, PASSAGES, stages=[encoder.parts], top=1)
    assert [stage.method for stage in opened.stages] == ["exact", "whyalike"]
    chosen = Explainer(encoder.parts, method="bti")
    given = first.trace(QUERY, PASSAGES, stages=[chosen], top=1)
    assert given.stages[1].method == "bti"
    fused = Fusion([(encoder.parts, 1.0), (PairTable("words", LEXICAL), 1.0)])
    parts = Explainer(fused).trace(QUERY, PASSAGES, top=1).stages
    assert [stage.method for stage in parts] == ["whyalike", "exact", "parts"]
    ranks = Fusion([(encoder.parts, 1.0)], normalise="ranks", over=["gloves", "hat"])
    assert [s.method for s in Explainer(ranks).trace(QUERY, PASSAGES, top=1).stages] == [
        "whyalike",
        "ranks",
    ]


@pytest.mark.parametrize("stages", ["org/reranker", PairTable("words", LEXICAL), 3, None])
def test_stages_are_a_list(first, stages):
    with pytest.raises(
        OptionError, match=r"stages is of type .*; give a list, such as \[reranker\]"
    ):
        first.trace(QUERY, PASSAGES, stages=stages)
