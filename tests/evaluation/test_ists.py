"""F1-Ali by hand, by a second reading of the official rules, and links of chunks from matches."""

import itertools
import json
import math
import random
from collections import defaultdict

import pytest
from gold_explanations import explanation

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.evaluation.ists import (
    METRICS,
    ChunkedPair,
    evaluate_ists,
    expand_to_chunks,
    join_matches,
    link_by_spelling,
    link_chunks,
    read_ists,
    score_chunk_links,
)
from whyalike.words import Rarity

CAT = ChunkedPair(
    "cat",
    "A cat sleeps .",
    "The black cat is asleep .",
    ((0, 1), (2,), (3,)),
    ((0, 1, 2), (3, 4), (5,)),
    (((0, 1), (0, 1, 2)), ((2,), (3, 4))),
)


def f1(links, *gold):
    return score_chunk_links([links] if len(gold) == 1 else links, gold, method="mine").values


def test_gold_weighs_each_word_once():
    """2 x 3 words: each of 6 links weighs 1/3, 2 in all; 1 x 2: each of 2 weighs 1/2."""
    scores = score_chunk_links([CAT.links], [CAT], method="oracle")
    assert scores.counts["ists_f1_ali"].wanted.tolist() == [pytest.approx(3)]
    assert set(scores.values.values()) == {1.0}
    assert set(scores.values) == set(METRICS)


def test_precision_has_the_fan_out_of_the_given_links():
    """[A cat] with all of [The black cat], [sleeps] with the same, and a point with a point.

    3 x 3 links, each 1/3: 3 given, 6 of them gold: 2 right. The gold's 6 weigh 1/3 too: 2 of 3.
    """
    values = f1((((0, 1), (0, 1, 2)), ((2,), (0, 1, 2)), ((3,), (5,))), CAT)
    assert values["ists_precision"] == pytest.approx(2 / 3)
    assert values["ists_recall"] == pytest.approx(2 / 3)


def test_recall_has_the_fan_out_of_the_gold():
    """[A] with [The black cat]: 3 links of 1/3, all gold; the gold gives them 1/3 each, of 3."""
    values = f1((((0,), (0, 1, 2)),), CAT)
    assert values["ists_precision"] == pytest.approx(1)
    assert values["ists_recall"] == pytest.approx(1 / 3)
    assert values["ists_f1_ali"] == pytest.approx(1 / 2)


def test_only_lone_marks_are_dropped():
    gold = ChunkedPair(
        "p", 'a " b.', "c ` d!", ((0, 1, 2),), ((0, 1, 2),), (((0, 1, 2), (0, 1, 2)),)
    )
    # '"' and '`' go, "b." and "d!" stay: 2 x 2 links of 1/2.
    counts = score_chunk_links([gold.links], [gold], method="m").counts["ists_f1_ali"]
    assert counts.wanted.tolist() == [pytest.approx(2)]
    bang = ChunkedPair("q", "a !", "b !", ((0,), (1,)), ((0,), (1,)), (((1,), (1,)),))
    assert f1((((1,), (1,)),), bang)["ists_f1_ali"] == 1  # The scorer's list has no "!".


def test_the_corpus_is_scored_in_one_go():
    """2 of 2 right in one pair, 0 of 1 in the other: F of sums, not the mean of 1 and 0."""
    first = ChunkedPair("1", "a b", "c d", ((0,), (1,)), ((0,), (1,)), (((0,), (0,)), ((1,), (1,))))
    second = ChunkedPair("2", "a", "c", ((0,),), ((0,),), ())
    values = f1([first.links, (((0,), (0,)),)], first, second)
    assert values["ists_f1_ali"] == pytest.approx(2 * (2 / 3) / (5 / 3))
    assert values["ists_f1_ali_macro"] == pytest.approx(0.5)


def test_a_link_that_stands_twice_counts_once():
    once = f1((((0, 1), (0, 1, 2)),), CAT)
    assert f1((((0, 1), (0, 1, 2)), ((0,), (0,)), ((0, 1), (0, 1, 2))), CAT) == once


def test_nothing_given_is_undefined():
    values = f1((), CAT)
    assert math.isnan(values["ists_precision"])
    assert values["ists_f1_ali"] == 0
    empty = ChunkedPair("e", "a", "b", ((0,),), ((0,),), ())
    scores = score_chunk_links([()], [empty], method="silent")
    assert math.isnan(scores.values["ists_f1_ali"])
    assert json.loads(json.dumps(scores.to_dict()))["metrics"]["ists_f1_ali"] is None
    with raises(OptionError, "0", "pairs", "gold", "1"):
        score_chunk_links([], [empty], method="silent")


def as_the_scorer_reads(alignments, left, right):
    """Nested tables of links from both ends, as the official script keeps them."""
    forth, back = defaultdict(dict), defaultdict(dict)
    for chunk, other in alignments:
        for s in chunk:
            for t in other:
                if len(left[s]) == 1 and left[s] in ".,:'`?;\"-":
                    continue
                if len(right[t]) == 1 and right[t] in ".,:'`?;\"-":
                    continue
                forth[s][t] = back[t][s] = True
    return forth, back


def total(tables, other=None):
    forth, back = tables
    found = 0.0
    for s in forth:
        for t in forth[s]:
            if other is None or t in other[0].get(s, {}):
                found += 1 / max(len(forth[s]), len(back[t]))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_against_a_second_reading_of_the_official_rules(seed):
    rng = random.Random(seed)
    gold, given = [], []
    for number in range(10):
        texts = [
            [rng.choice(["ab", "c", ".", ",", "d.", "-"]) for _ in range(rng.randint(2, 8))]
            for _ in range(2)
        ]
        chunks = []
        for words in texts:
            cuts = sorted({0, len(words), *(rng.randrange(len(words)) for _ in range(2))})
            chunks.append(tuple(tuple(range(a, b)) for a, b in itertools.pairwise(cuts)))
        cells = [(a, b) for a in chunks[0] for b in chunks[1]]
        sides = [tuple(cell for cell in cells if rng.random() < 0.35) for _ in range(2)]
        gold.append(
            ChunkedPair(str(number), " ".join(texts[0]), " ".join(texts[1]), *chunks, sides[0])
        )
        given.append(sides[1])
    sums = [0.0, 0.0, 0.0, 0.0]
    for links, p in zip(given, gold, strict=True):
        left, right = p.left.split(" "), p.right.split(" ")
        mine = as_the_scorer_reads(links, left, right)
        theirs = as_the_scorer_reads(p.links, left, right)
        for n, value in enumerate(
            (total(mine, theirs), total(mine), total(theirs, mine), total(theirs))
        ):
            sums[n] += value
    precision, recall = sums[0] / sums[1], sums[2] / sums[3]
    values = score_chunk_links(given, gold, method="mine").values
    assert values["ists_precision"] == pytest.approx(precision)
    assert values["ists_recall"] == pytest.approx(recall)
    assert values["ists_f1_ali"] == pytest.approx(2 * precision * recall / (precision + recall))


def linked(*matches, **options):
    return link_chunks(explanation(CAT.left, CAT.right, *matches), CAT, **options)


def test_likeness_of_chunks_by_hand():
    """Cat-cat with a cosine of .8 explains 2 words of 5: .8 * 2 / 5 = .32."""
    cat = ((0, 1), (0, 1, 2))
    assert linked((1, 2, 0.8)) == (cat,)
    assert linked((1, 2, 0.8), threshold=0.319) == (cat,)
    assert linked((1, 2, 0.8), threshold=0.321) == ()
    assert linked((1, 2, -0.8)) == ()


def test_a_second_chunk_needs_its_part_of_the_best():
    """[sleeps]-[is asleep] has .9 * 2 / 3 = .6; [sleeps]-[The black cat] has .7 * 2 / 4 = .35."""
    pairs = [(2, 4, 0.9), (2, 1, 0.7)]
    assert linked(*pairs, relative=0.58) == (((2,), (0, 1, 2)), ((2,), (3, 4)))
    assert linked(*pairs, relative=0.59) == (((2,), (3, 4)),)


def test_a_word_counts_with_its_best_match_only():
    """Both words of [A cat] go with "cat": .5 * (2 words + 1 word) / 5."""
    assert linked((0, 2, 0.5), (1, 2, 0.5), (1, 1, 0.1), threshold=0.319)
    assert linked((0, 2, 0.5), (1, 2, 0.5), (1, 1, 0.1), threshold=0.321) == ()


def test_rare_words_weigh_more_and_marks_nothing():
    rarity = Rarity.fit(["a the is", "a the cat", "a the is", "a the"])
    # idf: a, the 1; cat 1 + ln(5 / 2); black, which no text has, 1 + ln 5.
    cat, black = 1 + math.log(5 / 2), 1 + math.log(5)
    likeness = (cat + cat) / (1 + cat + 1 + black + cat)
    assert linked((1, 2), rarity=rarity, threshold=likeness - 1e-6)
    assert linked((1, 2), rarity=rarity, threshold=likeness + 1e-6) == ()
    assert linked((3, 5)) == ()


def test_numbers_out_of_range_are_refused():
    for options in ({"relative": 1.1}, {"relative": -0.1}, {"threshold": -1}):
        with pytest.raises(OptionError, match="relative and threshold"):
            linked(**options)


def test_each_matched_word_stands_for_its_chunk():
    e = explanation(CAT.left, CAT.right, (1, 2), (0, 1), (2, 3))
    assert expand_to_chunks(e, CAT) == (((0, 1), (0, 1, 2)), ((2,), (3, 4)))
    assert expand_to_chunks(e, CAT, chosen="pairs") == ()


def test_matches_in_step_are_one_link():
    e = explanation("a b c d e", "b c x a e", (0, 3), (1, 0), (2, 1), (4, 4), (2, 2))
    p = ChunkedPair("p", e.left.text, e.right.text, (), (), ())
    assert join_matches(e, p) == (((0,), (3,)), ((1, 2), (0, 1)), ((2,), (2,)), ((4,), (4,)))


def test_the_baseline_links_by_spelling():
    assert link_by_spelling(CAT) == (((0, 1), (0, 1, 2)),)
    p = ChunkedPair("p", "the end. , x", "the END , y", ((0, 1), (2,), (3,)), ((0, 1), (2, 3)), ())
    assert link_by_spelling(p) == (((0, 1), (0, 1)),)
    assert link_by_spelling(ChunkedPair("p", "", "a", (), ((0,),), ())) == ()


@pytest.fixture(scope="module")
def explainer():
    model = tiny("bert")
    return Explainer((model.model, model.tokenizer), method="whyalike", batch_size=2)


def test_evaluate_explains_links_and_scores(explainer):
    gold = [
        CAT,
        ChunkedPair("w", "red wine", "white wine", ((0, 1),), ((0, 1),), (((0, 1), (0, 1)),)),
    ]
    told = []
    found = evaluate_ists(explainer, gold, progress=lambda *args: told.append(args))
    assert told == [(1, 2), (2, 2)]
    rarity = Rarity.fit([text for p in gold for text in (p.left, p.right)])
    alone = [explainer.explain(p.left, p.right) for p in gold]
    links = [link_chunks(e, p, rarity=rarity) for e, p in zip(alone, gold, strict=True)]
    assert found.values == score_chunk_links(links, gold, method="x").values
    for chunks, rule in (("expanded", expand_to_chunks), ("words", join_matches)):
        links = [rule(e, p) for e, p in zip(alone, gold, strict=True)]
        expected = score_chunk_links(links, gold, method="x").values
        assert evaluate_ists(explainer, gold, chunks=chunks).values == expected
    with raises(OptionError, "chunks", "'none'"):
        evaluate_ists(explainer, gold, chunks="none")
    with pytest.raises(OptionError, match="no pairs"):
        evaluate_ists(explainer, [])


@pytest.mark.weights
@pytest.mark.realdata
def test_own_method_beats_spelling_on_real_chunks(minilm, alignments):
    folder = alignments / "ists2016-train" / "train_2015_10_22.utf-8"
    gold = read_ists(folder / "STSint.input.images.wa")
    assert len(gold) == 750
    assert score_chunk_links([p.links for p in gold], gold, method="oracle").values[
        "ists_f1_ali"
    ] == pytest.approx(1)
    part = gold[1:121:2]
    own = evaluate_ists(minilm.with_method("whyalike"), part).values["ists_f1_ali"]
    spelling = [link_by_spelling(p) for p in part]
    assert own > score_chunk_links(spelling, part, method="spelling").values["ists_f1_ali"]
