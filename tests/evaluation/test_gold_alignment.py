"""Links of words against gold: by hand, by loops, an oracle, chance, and nothing at all."""

import json
import math
import random

import numpy as np
import pytest
from gold_explanations import explanation

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.evaluation.alignment import (
    METRICS,
    evaluate_alignment,
    identical_words,
    score_alignment,
    score_links,
)
from whyalike.evaluation.gold import (
    AlignedPair,
    links_at_blanks,
    read_edinburgh,
    read_multimwa,
    strengths_at_blanks,
    words_at_blanks,
)
from whyalike.evaluation.gold_counts import LinkCounts


def pair(left, right, sure, possible=(), name="p"):
    return AlignedPair(name, left, right, frozenset(sure), frozenset(possible))


GOLD = [
    # 3 words against 4; Cat-cat is identical in lower case, slept-sleeps and a-the are not.
    pair("a Cat slept", "the cat sleeps there", {(1, 1), (2, 2)}, {(0, 0)}, "first"),
    pair("red wine", "wine", {(1, 0)}, (), "second"),
]
GIVEN = [{(1, 1), (2, 2), (2, 3)}, {(0, 0), (1, 0)}]


def test_by_hand():
    scores = score_links(GIVEN, GOLD, method="mine")
    # Given 5, of which (1,1), (2,2) and (1,0) are right; gold has 4 with the possible one.
    assert scores.values["alignment_precision"] == pytest.approx(3 / 5)
    assert scores.values["alignment_recall"] == pytest.approx(3 / 4)
    assert scores.values["alignment_f"] == pytest.approx(2 * 3 / (5 + 4))
    # F of the pairs: 2 right of 3 given and 3 wanted; 1 right of 2 given and 1 wanted.
    assert scores.values["alignment_f_macro"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    # All 3 sure links are found; (0, 0) would have been allowed.
    assert scores.values["alignment_f_sure"] == pytest.approx(2 * 0.6 / 1.6)
    # Spelled differently: given (2,2), (2,3) and red-wine; gold (2,2) and (0,0).
    assert scores.values["alignment_f_non_identical"] == pytest.approx(2 * 1 / (3 + 2))
    # Without a link: mine are "a", "the"; the gold's "there", "red". None agrees.
    assert scores.values["alignment_f_unaligned"] == 0
    assert scores.counts["alignment_f_unaligned"].given.tolist() == [2, 0]
    assert scores.counts["alignment_f_unaligned"].wanted.tolist() == [1, 1]
    assert set(scores.values) == set(METRICS)


def slow_f(right_given, given, right_wanted, wanted):
    if not given and not wanted:
        return math.nan
    precision = right_given / given if given else 0
    recall = right_wanted / wanted if wanted else 0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def some_gold(seed, count=12):
    rng = random.Random(seed)
    gold, given = [], []
    for number in range(count):
        left = [rng.choice("abcdEF") for _ in range(rng.randint(1, 6))]
        right = [rng.choice("abcDef") for _ in range(rng.randint(1, 6))]
        cells = [(i, j) for i in range(len(left)) for j in range(len(right))]
        sure = {cell for cell in cells if rng.random() < 0.2}
        possible = {cell for cell in cells if rng.random() < 0.2} - sure
        gold.append(pair(" ".join(left), " ".join(right), sure, possible, str(number)))
        given.append({cell for cell in cells if rng.random() < 0.3})
    return gold, given


@pytest.mark.parametrize("seed", range(4))
def test_against_loops(seed):
    gold, given = some_gold(seed)
    totals = {
        "all": [0, 0, 0, 0],
        "sure": [0, 0, 0, 0],
        "other": [0, 0, 0, 0],
        "none": [0, 0, 0, 0],
    }
    for links, p in zip(given, gold, strict=True):
        left, right = p.left.split(), p.right.split()
        linked = {"mine": [set(), set()], "gold": [set(), set()]}
        for i in range(len(left)):
            for j in range(len(right)):
                mine, sure = (i, j) in links, (i, j) in p.sure
                either = sure or (i, j) in p.possible
                for owner, is_in in (("mine", mine), ("gold", either)):
                    if is_in:
                        linked[owner][0].add(i)
                        linked[owner][1].add(j)
                steps = [("all", either, either), ("sure", either, sure)]
                if left[i].lower() != right[j].lower():
                    steps.append(("other", either, either))
                for key, allowed, wanted in steps:
                    totals[key][0] += mine and allowed
                    totals[key][1] += mine
                    totals[key][2] += mine and wanted
                    totals[key][3] += wanted
        for side, words in enumerate((left, right)):
            for word in range(len(words)):
                mine = word not in linked["mine"][side]
                theirs = word not in linked["gold"][side]
                totals["none"][0] += mine and theirs
                totals["none"][1] += mine
                totals["none"][2] += mine and theirs
                totals["none"][3] += theirs
    values = score_links(given, gold, method="mine").values
    for name, key in (
        ("alignment_f", "all"),
        ("alignment_f_sure", "sure"),
        ("alignment_f_non_identical", "other"),
        ("alignment_f_unaligned", "none"),
    ):
        assert values[name] == pytest.approx(slow_f(*totals[key]))


def test_an_oracle_is_right_in_everything_and_more_links_are_not():
    gold, _ = some_gold(7)
    values = score_links([p.links for p in gold], gold, method="oracle").values
    assert set(values.values()) == {1.0}
    every = [
        {(i, j) for i in range(len(p.left.split())) for j in range(len(p.right.split()))}
        for p in gold
    ]
    constant = score_links(every, gold, method="everything").values
    assert constant["alignment_recall"] == 1
    assert constant["alignment_f"] < 0.7


def test_random_links_are_at_chance():
    gold, _ = some_gold(8, count=400)
    rng = random.Random(1)
    cells = [
        [(i, j) for i in range(len(p.left.split())) for j in range(len(p.right.split()))]
        for p in gold
    ]
    chance = sum(len(p.links) for p in gold) / sum(map(len, cells))
    given = [{cell for cell in row if rng.random() < 0.3} for row in cells]
    values = score_links(given, gold, method="random").values
    assert values["alignment_precision"] == pytest.approx(chance, abs=0.05)
    assert values["alignment_recall"] == pytest.approx(0.3, abs=0.05)


def test_nothing_given_is_undefined_and_not_a_silent_number():
    scores = score_links([set(), set()], GOLD, method="silent")
    assert math.isnan(scores.values["alignment_precision"])
    assert scores.values["alignment_f"] == 0
    nothing = score_links([set()], [pair("a", "b", ())], method="silent")
    assert math.isnan(nothing.values["alignment_f"])
    assert math.isnan(nothing.values["alignment_f_macro"])
    assert json.loads(json.dumps(nothing.to_dict()))["metrics"]["alignment_f"] is None
    with pytest.raises(OptionError, match="F is undefined"):
        nothing.counts["alignment_f"].f_interval()


def test_identical_words_in_their_order():
    found = identical_words(pair("The cat and the dog", "the the Dog the", ()))
    assert found == {(0, 0), (3, 1), (4, 2)}


def test_our_words_belong_to_the_words_at_blanks():
    text = "the U.S. path."
    assert words_at_blanks(text) == ((0, 3), (4, 8), (9, 14))
    e = explanation(
        text,
        "do n't it 's path .",
        # the U . S . path . against do n't it ' s path .
        (0, 2),
        (1, 3, 0.2),
        (3, 4, 0.7),
        (2, 6),
        (5, 5),
        (6, 6),
    )
    # "'" is a mark inside "'s", and so are the points of "U.S." and "path.": they link nothing.
    assert links_at_blanks(e) == {(0, 2), (1, 3), (2, 4)}
    assert strengths_at_blanks(e)[1, 3] == 0.7
    marks = explanation("a , b", "a , b", (1, 1))
    assert links_at_blanks(marks) == {(1, 1)}


def test_several_of_our_pairs_in_one_link_count_once_with_the_best():
    e = explanation("black/white", "black/white", (0, 0, 0.4), (2, 2, 0.6), (0, 2, -0.3))
    assert strengths_at_blanks(e) == {(0, 0): 0.6}


def test_selected_pairs_instead_of_matches():
    e = explanation("a b", "a b", (0, 0), (1, 1), selected=[(1, 1)])
    gold = [pair("a b", "a b", {(0, 0), (1, 1)})]
    assert score_alignment([e], gold).values["alignment_recall"] == 1
    assert score_alignment([e], gold, chosen="pairs").values["alignment_recall"] == 0.5
    with raises(OptionError, "chosen", "'all'"):
        score_alignment([e], gold, chosen="all")


def test_other_texts_or_another_number_are_refused():
    e = explanation("a b", "a b")
    with pytest.raises(OptionError, match="another left text"):
        score_alignment([e], [pair("a c", "a b", ())])
    with raises(OptionError, "1", "explanations", "2"):
        score_alignment([e], GOLD)
    with raises(OptionError, "1", "pairs", "gold", "2"):
        score_links([set()], GOLD, method="mine")
    with pytest.raises(OptionError, match="0 pairs"):
        score_links([], [], method="mine")


@pytest.fixture(scope="module")
def explainer():
    model = tiny("bert")
    return Explainer((model.model, model.tokenizer), method="whyalike", batch_size=2)


def test_evaluate_explains_and_scores(explainer):
    gold = [
        pair("warm gloves .", "warm hats .", {(0, 0)}, {(1, 1)}, "one"),
        pair("the cat sleeps", "a cat", {(1, 1)}, (), "two"),
        pair("red wine", "white wine", {(1, 1)}, (), "three"),
    ]
    told = []
    found = evaluate_alignment(explainer, gold, progress=lambda *args: told.append(args))
    assert told == [(1, 3), (2, 3), (3, 3)]
    alone = [explainer.explain(p.left, p.right) for p in gold]
    assert found.values == score_alignment(alone, gold).values
    assert found.values == evaluate_alignment(explainer, gold).values
    assert (found.method, found.names) == ("whyalike", ("one", "two", "three"))
    # These words are words at blanks too, so that the links are the matches themselves.
    matches = sum(len(e.matches) for e in alone)
    assert found.counts["alignment_f"].given.sum() == matches > 0
    with pytest.raises(OptionError, match="0 pairs"):
        evaluate_alignment(explainer, [])


def counts(*rows):
    return LinkCounts(*np.array(rows, dtype=float).T)


def test_interval_of_a_corpus_against_a_slow_bootstrap():
    rows = [(5, 3, 4, 3), (2, 2, 6, 2), (7, 1, 3, 1), (4, 4, 4, 4), (0, 0, 2, 0), (3, 2, 2, 2)]
    found = counts(*rows).f_interval(seed=3, resamples=4000)
    rng = random.Random(5)
    slow = []
    for _ in range(4000):
        drawn = [rng.choice(rows) for _ in rows]
        given, correct, wanted, hit = (sum(row[n] for row in drawn) for n in range(4))
        slow.append(slow_f(correct, given, hit, wanted))
    slow.sort()
    assert found.mean == pytest.approx(slow_f(12, 21, 12, 21))
    assert found.low == pytest.approx(slow[100], abs=0.02)
    assert found.high == pytest.approx(slow[-100], abs=0.02)
    assert counts(*rows).f_interval(seed=3, resamples=4000) == found
    same = counts(*[(2, 1, 2, 1)] * 3).f_interval()
    assert same.low == pytest.approx(same.high) == pytest.approx(0.5)
    with raises(OptionError, "resamples", "0"):
        counts(*rows).f_interval(resamples=0)


def test_pair_f_is_undefined_only_where_there_is_nothing():
    values = counts((0, 0, 0, 0), (2, 0, 1, 0), (0, 0, 3, 0), (2, 1, 2, 2)).pair_f()
    assert np.isnan(values[0])
    assert values[1:] == pytest.approx([0, 0, 2 / 3])


@pytest.mark.weights
@pytest.mark.realdata
def test_own_method_beats_spelling_where_texts_differ(minilm, alignments):
    """Far from the goal's figure: a small part, to see that all ends meet on real files."""
    gold = read_multimwa(alignments / "mwa" / "mtref-dev.tsv")
    assert len(gold) == 800
    part = gold[:40]
    own = evaluate_alignment(minilm.with_method("whyalike"), part).values
    spelling = score_links([identical_words(p) for p in part], part, method="spelling").values
    assert own["alignment_f"] > spelling["alignment_f"] + 0.05
    assert own["alignment_f_non_identical"] > 0.3
    folder = alignments / "edinburgh"
    both = read_edinburgh(
        folder / "gold.train.sure+poss.json", sure=folder / "gold.train.sure.json"
    )
    assert len(both) == 714
    assert sum(len(p.possible) for p in both) > 0
