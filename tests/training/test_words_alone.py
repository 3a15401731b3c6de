"""TF-IDF beside every trained model: its figures by hand, and what they must not read."""

import math
from collections import Counter

import pytest

from whyalike.texts import word_forms
from whyalike.training.result import WORDS_ALONE, HeldOut
from whyalike.training.tfidf import WordCounts

PAIRS = [
    ("Red wool hat", "A hat of wool, warm wool, and more wool."),
    ("Blue gloves", "Gloves for cold hands, in blue."),
    ("Red gloves", "Warm hands, cold wind."),
    ("Straw hat", "For the sun. Unseen words only?"),
    ("Zebra", "Stripes in blue and red."),
]
KINDS = ["hat", "gloves", "gloves", "hat", None]


def cosines_by_hand(pairs, left, right):
    """Cosine of two texts, in loops over words: (1 + ln c) (ln((1 + n) / (1 + df)) + 1)."""
    texts = [text for pair in pairs for text in pair]

    def weights(text):
        known = Counter(word_forms(text))
        found = {}
        for word, count in known.items():
            df = sum(word in word_forms(other) for other in texts)
            found[word] = (1 + math.log(count)) * (math.log((1 + len(texts)) / (1 + df)) + 1)
        return found

    a, b = weights(left), weights(right)
    norms = [math.sqrt(sum(v * v for v in w.values())) for w in (a, b)]
    return sum(a[word] * b.get(word, 0.0) for word in a) / (norms[0] * norms[1])


def test_cosines_are_those_of_a_loop():
    titles, descriptions = ([pair[side] for pair in PAIRS] for side in (0, 1))
    counts = WordCounts(titles, descriptions)
    found = counts.cosines(titles)
    among = counts.cosines_of([0, 2])
    for i, title in enumerate(titles):
        for j, description in enumerate(descriptions):
            assert found[i, j] == pytest.approx(cosines_by_hand(PAIRS, title, description))
    for row, i in enumerate([0, 2]):
        for j in range(5):
            wanted = cosines_by_hand(PAIRS, descriptions[i], descriptions[j])
            assert among[row, j] == pytest.approx(wanted)


def measure_words(pairs, queries, kinds):
    held_out = HeldOut(pairs, queries, kinds)
    return held_out.measure(held_out.count_words(), WORDS_ALONE)


def test_ranks_are_counted_one_by_one():
    queries = [0, 2, 3, 4]
    found = measure_words(PAIRS, queries, KINDS)
    shares, kinds = [], []
    for query in queries:
        near = [cosines_by_hand(PAIRS, PAIRS[query][0], d) for _, d in PAIRS]
        ahead = sum(n > near[query] + 1e-12 for n in near)
        level = sum(abs(n - near[query]) <= 1e-12 for n in near) - 1
        shares.append(1 / (1 + ahead + level / 2))
        if KINDS[query] is not None:
            others = {
                j: cosines_by_hand(PAIRS, PAIRS[query][1], PAIRS[j][1])
                for j in range(5)
                if j != query and KINDS[j] is not None
            }
            best = [j for j, near in others.items() if near >= max(others.values()) - 1e-12]
            kinds.append(sum(KINDS[j] == KINDS[query] for j in best) / len(best))
    assert found.name == "TF-IDF, untrained"
    assert found.retrieval.mrr == pytest.approx(sum(shares) / len(shares))
    assert found.retrieval.queries == 4
    assert found.retrieval.candidates == 5
    assert found.same_kind == pytest.approx(sum(kinds) / len(kinds))


def test_which_title_has_which_description_is_not_read():
    """Held-out pairs that are torn apart change no cosine, and so no weight of a word."""
    titles, descriptions = ([pair[side] for pair in PAIRS] for side in (0, 1))
    one = WordCounts(titles, descriptions).cosines(titles)
    other = WordCounts([titles[n] for n in (0, 4, 3, 1, 2)], descriptions).cosines(titles)
    assert other == pytest.approx(one)


def test_texts_without_words_have_chance_figures():
    pairs = [(mark, mark * 2) for mark in ("!", "?", ";", ".")]
    found = measure_words(pairs, range(4), [None] * 4)
    assert found.retrieval.mrr == pytest.approx(1 / 2.5)
    assert found.same_kind is None
