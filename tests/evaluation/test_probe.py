"""The probe on models whose blind spots are known, and against a slower second way."""

import json
import math
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from raising import raises
from tiny_models import tiny
from whyalike import BlackBox, BTIOptions, Explainer
from whyalike.errors import OptionError, TextError
from whyalike.evaluation import find_blind_spots, find_edits, list_rules
from whyalike.probing.blind_spots import (
    METRICS,
    judge_edits,
    signed_method,
    similarities,
    wilson_rate,
)
from whyalike.statistics import mean_interval

TEXTS = (
    "The room is warm and soft.",
    "We did not buy the grey couch.",
    "It costs 30 dollars until 12 March 2024.",
    "All of the gloves are new, with a lining.",
    "Do not wash it before Sunday.",
)
HARMLESS = [rule.name for rule in list_rules() if not rule.changes_meaning]
VECTORS = {"text": (1.0, 0.0, 0.0), "near": (1.0, 0.1, 0.0), "far": (0.2, 0.0, 1.0)}


def known(*, harmless, meaning, texts=TEXTS):
    """A model that puts harmless edits and changes of meaning where we say."""
    table = dict.fromkeys(texts, VECTORS["text"])
    for text in texts:
        for edit in find_edits(text, per_rule=99):
            table[edit.edited] = VECTORS[meaning if edit.changes_meaning else harmless]
    # An explanation deletes words; those texts may lie anywhere.
    return Explainer(embed=lambda batch: [table.get(text, (0.5, 0.5, 0.5)) for text in batch])


def at_random(texts):
    rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=16) for text in texts]
    return np.array(rows)


@pytest.mark.parametrize(
    ("harmless", "meaning", "blind", "closer"),
    [
        ("near", "far", 0.0, 0.0),  # sees every change of meaning, and little else
        ("far", "near", 1.0, 1.0),  # sees only what is harmless
        ("text", "text", 1.0, 0.5),  # sees nothing at all: no difference
        ("near", "near", 1.0, 0.5),
    ],
)
def test_models_that_are_known_score_as_they_should(harmless, meaning, blind, closer):
    result = find_blind_spots(known(harmless=harmless, meaning=meaning), TEXTS)
    assert result.overall.blind.share == blind
    assert result.overall.closer.mean == closer
    assert len(result.blind_spots) == blind * result.overall.edits
    for rate in result.rates:
        assert (rate.blind is None) is (not rate.changes_meaning)
        if rate.changes_meaning:
            assert rate.blind.share == blind


def test_a_random_model_is_at_chance():
    texts = [f"The {thing} is warm and soft." for thing in "abcdefghijklmnopqrstuvwxyz"]
    texts += [f"It is not far to the {thing}." for thing in "abcdefghijklmnopqrstuvwxyz"]
    result = find_blind_spots(Explainer(embed=at_random), texts, explain=0, per_rule=9)
    assert result.overall.closer.low < 0.5 < result.overall.closer.high
    assert 0.3 < result.overall.closer.mean < 0.7


@pytest.mark.parametrize("name", ["bert", "roberta", "t5"])
def test_drops_are_those_of_explanations_one_by_one(name):
    explainer = Explainer(tiny(name).parts, method="random")
    items = [*TEXTS[:2], ("warm wool", TEXTS[3])]
    result = find_blind_spots(explainer, items, explain=0, seed=5)
    for place, item in enumerate(items):
        query, text = item if isinstance(item, tuple) else (item, item)
        before = explainer.explain(query, text).similarity
        assert result.texts[place].similarity == pytest.approx(before, abs=1e-5)
        scores = [score for score in result.scores if score.place == place]
        drops = []
        for score, edit in zip(scores, find_edits(text, seed=5), strict=True):
            assert score.edit == edit
            after = explainer.explain(query, edit.edited).similarity
            assert score.drop == pytest.approx(before - after, abs=1e-5)
            drops.append(score.drop)
        harmless = [d for d, s in zip(drops, scores, strict=True) if not s.edit.changes_meaning]
        for score in scores:
            if score.edit.changes_meaning:
                assert score.blind is (score.drop <= max([0.0, *harmless]) + 1e-6)
                wins = sum(1.0 if h > score.drop else 0.5 * (h == score.drop) for h in harmless)
                assert score.closer == pytest.approx(wins / len(harmless))


def test_many_texts_are_probed_as_each_alone():
    explainer = Explainer(tiny("bert").parts)
    together = find_blind_spots(explainer, TEXTS, explain=0)
    alone = [find_blind_spots(explainer, [text], explain=0) for text in TEXTS]
    each = [replace(s, place=place) for place, one in enumerate(alone) for s in one.scores]
    assert len(each) == len(together.scores)
    for one, other in zip(together.scores, each, strict=True):
        assert (one.edit, one.place, one.blind) == (other.edit, other.place, other.blind)
        assert one.drop == pytest.approx(other.drop, abs=1e-6)


def test_the_same_seed_gives_the_same_and_the_model_is_left_as_it_was():
    made = tiny("bert")
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    explainer = Explainer(made.parts)
    first, again = (find_blind_spots(explainer, TEXTS, seed=2) for _ in range(2))
    assert first.to_json() == again.to_json()
    assert find_blind_spots(explainer, TEXTS, seed=3).to_json() != first.to_json()
    assert all(torch.equal(before[name], now) for name, now in made.model.state_dict().items())


def test_each_distinct_text_is_embedded_once():
    box = BlackBox(at_random, cache_size=0)
    calls = []
    explainer = Explainer(embed=box)
    result = find_blind_spots(
        explainer, [*TEXTS, TEXTS[0]], explain=0, progress=lambda *done: calls.append(done)
    )
    distinct = {t.text for t in result.texts} | {s.edit.edited for s in result.scores}
    assert box.texts_embedded == len(distinct)
    assert calls[-1] == (len(distinct), len(distinct))


def test_the_worst_are_explained_and_the_changed_words_are_named():
    explainer = known(harmless="far", meaning="near")
    result = find_blind_spots(explainer, TEXTS, explain=4)
    explained = [score for score in result.scores if score.explanation]
    assert len(explained) == 4
    assert len({score.edit.rule for score in explained}) == 4
    assert all(score.blind for score in explained)
    result = find_blind_spots(explainer, TEXTS, explain=99)
    for score in result.blind_spots:
        edit = score.edit
        assert score.explanation.right.text == edit.edited
        assert score.explanation.left.text == edit.text
        new = " ".join(change.new for change in edit.changes)
        old = " ".join(change.old for change in edit.changes)
        for word in score.changed_words:
            assert word.text in (new if new.strip() else old)
        adds = [word.contribution for word in score.hiding_words]
        assert adds == sorted(adds, reverse=True)
        assert not set(score.hiding_words) & set(score.changed_words)
    negated = next(s for s in result.blind_spots if s.edit.rule == "negation_removed")
    assert [word.text for word in negated.changed_words] == ["not"]


def test_a_change_that_raises_the_similarity_is_not_seen_as_one():
    edits = find_edits(TEXTS[0], per_rule=9)
    drops = [-0.1 if edit.changes_meaning else -0.2 for edit in edits]
    scores = judge_edits(edits, drops, place=0, before=0.5, tolerance="harmless")
    assert all(s.blind and s.tolerance == 0 for s in scores if s.edit.changes_meaning)
    assert {s.closer for s in scores if s.edit.changes_meaning} == {0.0}


def test_what_cannot_be_judged_is_no_number():
    text = "Is it hot?"
    assert all(edit.changes_meaning for edit in find_edits(text))
    result = find_blind_spots(known(harmless="near", meaning="near", texts=[text]), [text])
    assert [score.blind for score in result.scores] == [None]
    assert result.overall.blind is None
    assert result.overall.closer is None
    assert "could not be judged" in str(result)
    judged = find_blind_spots(
        known(harmless="near", meaning="near", texts=[text]), [text], tolerance=0.5
    )
    assert judged.overall.blind.share == 1


@pytest.mark.parametrize("tolerance", ["harmless", 0.5])
def test_an_empty_query_is_no_blind_spot(tolerance):
    def silent(texts):
        return at_random(texts) * np.array([[bool(text.strip())] for text in texts])

    items = [("", TEXTS[0]), ("a warm room", TEXTS[0])]
    result = find_blind_spots(Explainer(embed=silent), items, tolerance=tolerance, explain=0)
    by_place = [{s.blind for s in result.scores if s.place == place} for place in (0, 1)]
    assert by_place[0] == {None}
    assert by_place[1] > {None}
    judged = sum(s.blind is not None for s in result.scores)
    assert result.overall.blind.total == judged < result.overall.edits


def test_nothing_to_probe_is_said():
    for items in ([], ["?"]):
        result = find_blind_spots(Explainer(embed=at_random), items)
        assert result.overall is None
        assert "nothing was probed" in str(result)
        assert json.loads(result.to_json())["scores"] == []


def test_a_number_is_the_same_tolerance_for_all():
    result = find_blind_spots(Explainer(embed=at_random), TEXTS, tolerance=0.7, explain=0)
    judged = [score for score in result.scores if score.edit.changes_meaning]
    assert all(score.blind is (score.drop <= 0.7) for score in judged)
    assert {score.blind for score in judged} == {True, False}


def test_harmless_rules_are_added_where_they_are_needed():
    explainer = Explainer(embed=at_random)

    def rules(**settings):
        found = find_blind_spots(explainer, TEXTS, rules=["numbers"], explain=0, **settings)
        return {score.edit.rule for score in found.scores}

    assert "numbers" in rules()
    assert rules() - {"numbers"} <= set(HARMLESS)
    assert len(rules()) > 1
    assert rules(tolerance=0.1) == {"numbers"}


def test_edits_that_the_model_does_not_read_are_left_out():
    explainer = Explainer(tiny("bert").parts)
    long = "It is warm. " + "zest of lemon " * 200 + "The end is cold."
    read = find_blind_spots(explainer, [long], rules=["antonyms"], per_rule=9, explain=0)
    assert [s.edit.summary for s in read.scores if s.edit.changes_meaning] == []
    assert read.unread == 2
    assert "2 edits were left out" in str(read)
    windows = Explainer(tiny("bert").parts, options=BTIOptions(long_text="windows"))
    whole = find_blind_spots(windows, [long], rules=["antonyms"], per_rule=9, explain=0)
    assert whole.unread == 0


def test_other_similarities_and_prompts_are_the_models_own():
    for function in ("dot", "euclidean", "manhattan"):
        explainer = Explainer(embed=at_random, similarity_function=function, prompts=("q: ", "p: "))
        items = [TEXTS[0], (TEXTS[1], TEXTS[0])]
        result = find_blind_spots(explainer, items, tolerance=1e9, explain=99)
        right = at_random(["p: " + TEXTS[0]])[0]
        # A text and its edits are of one kind; beside a query they are what is looked for.
        lefts = right, at_random(["q: " + TEXTS[1]])[0]
        for probed, left in zip(result.texts, lefts, strict=True):
            assert probed.similarity == pytest.approx(compare(function, left, right))
        assert similarities(explainer, TEXTS[1], [TEXTS[0]]) == [
            pytest.approx(compare(function, lefts[1], right))
        ]
        explained = {s.place: s for s in result.scores if s.explanation is not None}
        assert set(explained) == {0, 1}
        for place, score in explained.items():
            assert score.explanation.prompts == (("p: ", "p: "), ("q: ", "p: "))[place]
            assert score.explanation.similarity == pytest.approx(score.similarity)
        assert result.to_dict()["prompts"] == ["q: ", "p: "]
        assert "prompts 'q: ' before a query, 'p: ' before a text" in str(result)
        alone = find_blind_spots(explainer, items[:1], explain=0)
        assert "prompts 'p: ' before both texts" in str(alone)


def compare(function, left, right):
    return {
        "dot": float(left @ right),
        "euclidean": -math.dist(left, right),
        "manhattan": -sum(abs(a - b) for a, b in zip(left, right, strict=True)),
    }[function]


def test_the_method_is_one_with_signs():
    assert signed_method(Explainer(embed=at_random)) == "occlusion"
    assert signed_method(Explainer(tiny("bert").parts)) == "whyalike"
    assert signed_method(Explainer(tiny("bert").parts, method="maxsim")) in ("maxsim", "whyalike")
    result = find_blind_spots(
        Explainer(tiny("bert").parts), TEXTS, method="gradient_x_activation", tolerance=2.0
    )
    assert {s.explanation.method for s in result.scores if s.explanation} == {
        "gradient_x_activation"
    }
    with raises(OptionError, "'bti'", "adds"):
        find_blind_spots(Explainer(tiny("bert").parts), TEXTS, method="bti")


def test_wrong_use_is_told():
    explainer = Explainer(embed=at_random)
    for tolerance in ("typical", float("nan"), True, None):
        with pytest.raises(OptionError, match="tolerance is"):
            find_blind_spots(explainer, TEXTS, tolerance=tolerance)
    with raises(OptionError, "Item 1", "type"):
        find_blind_spots(explainer, [TEXTS[0], ("a", "b", "c")])
    with pytest.raises(TextError, match="query text"):
        find_blind_spots(explainer, [(3, "b")])
    with raises(OptionError, "rules", "'antonyms'", "list"):
        find_blind_spots(explainer, TEXTS, rules="antonyms")
    with raises(OptionError, "'nope'"):
        find_blind_spots(explainer, TEXTS, rules=["nope"])


@pytest.mark.parametrize(("count", "total"), [(0, 5), (3, 7), (49, 49), (10, 1000)])
def test_wilsons_interval_by_its_formula(count, total):
    rate = wilson_rate(count, total)
    z, share = 1.959963984540054, count / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total)
    half *= math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    assert rate.low == pytest.approx(middle - half, abs=1e-12)
    assert rate.high == pytest.approx(middle + half, abs=1e-12)
    assert rate.share == share


def test_a_share_of_nothing_is_refused():
    for count, total in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(OptionError, match="no share of"):
            wilson_rate(count, total)


def test_rates_are_counted_by_rule():
    result = find_blind_spots(Explainer(embed=at_random), TEXTS, explain=0, per_rule=3)
    for rate in result.rates:
        own = [score for score in result.scores if score.edit.rule == rate.rule]
        assert rate.edits == len(own)
        assert rate.texts == len({score.place for score in own})
        assert rate.drop == mean_interval([score.drop for score in own])
        if rate.changes_meaning:
            assert rate.blind.count == sum(bool(score.blind) for score in own)
    judged = [rate for rate in result.rates if rate.blind]
    assert result.overall.blind.count == sum(rate.blind.count for rate in judged)
    assert not any(metric.higher_is_better for metric in METRICS.values())


def test_one_text_is_not_taken_for_several():
    explainer = Explainer(embed=lambda texts: [[1.0] for _ in texts])
    with raises(OptionError, "items", "list"):
        find_blind_spots(explainer, "The hotel was not quiet.")
    with raises(OptionError, "explain", "-1"):
        find_blind_spots(explainer, ["The hotel was not quiet."], explain=-1)


@pytest.mark.weights
def test_minilm_hardly_sees_who_called_whom(minilm):
    texts = ["Alice called Tom on Friday.", "A train from Paris to Rome.", "Emma thanked Paul."]
    result = find_blind_spots(minilm, texts, rules=["swapped_names"], tolerance=0.05)
    assert result.overall.blind.share == 1
    assert all(score.drop > 0 for score in result.scores)


@pytest.mark.weights
@pytest.mark.realdata
def test_minilm_sees_no_more_of_meaning_than_of_wording_in_wine(minilm, catalogues):
    import csv

    with (catalogues / "wine.csv").open(encoding="utf-8", newline="") as stream:
        texts = [
            row["description"] for row, _ in zip(csv.DictReader(stream), range(25), strict=False)
        ]
    result = find_blind_spots(minilm, texts, explain=0)
    assert result.overall.edits > 25
    assert result.overall.blind.low > 0.3
