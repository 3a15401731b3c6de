"""Pairs of content words are shown first, and stop words are found in the language of the texts."""

import pytest

from whyalike.explanation import WordPair
from whyalike.options import BTIOptions
from whyalike.selection import content_pairs, select_pairs, sort_matches, widest_top_k
from whyalike.stop_words import negations_of, stop_words_of

LEFT = ["the", "wool", "gloves", ",", "warm", "of"]
RIGHT = ["a", "woollen", "mittens", ".", "cold", "with"]


def pair(n, score, similarity=0.5):
    return WordPair(n, n, similarity, score)


def shown(matches, left=LEFT, right=RIGHT, **options):
    found = content_pairs(matches, left, right, options=BTIOptions(**options))
    return [one.left for one in found]


def test_stop_words_and_marks_are_left_out_however_much_they_add():
    assert shown([pair(0, 0.9), pair(1, 0.2), pair(2, 0.3), pair(3, 0.8), pair(5, 0.7)]) == [2, 1]


def test_where_there_are_no_others_they_are_shown():
    assert shown([pair(0, 0.2), pair(3, 0.3)]) == [3, 0]


def test_no_pair_of_negative_word_similarity_is_shown_and_synonyms_are():
    matches = [pair(1, 0.9, -0.1), pair(2, 0.3, 0.2), pair(4, 0.2, 0.19)]
    assert shown(matches) == [2]
    assert shown([pair(1, 0.9, -0.1), pair(4, 0.2, 0.1)]) == [4]
    assert shown([pair(1, 0.9, -0.1)]) == []


def test_what_adds_a_small_part_is_not_shown_beyond_the_first_three():
    words = [f"word{n}" for n in range(6)]
    matches = [pair(n, score) for n, score in enumerate([1.0, 0.5, 0.2, 0.08, 0.07, 0.03])]
    whole = sum(one.score for one in matches)
    expected = [n for n, one in enumerate(matches) if one.score >= 0.04 * whole]
    assert expected == [0, 1, 2, 3]
    assert shown(matches, words, words) == expected
    assert shown([pair(0, 9.0), *matches[1:]], words, words) == [0, 1, 2]  # .04 of 9.88 is .395.
    assert shown(matches, words, words, top_k=3) == [0, 1, 2, 3, 4]
    assert shown(matches, words, words, top_k=1) == [0, 1, 2]


def test_pairs_that_pull_apart_are_shown_only_where_nothing_adds():
    words = [f"word{n}" for n in range(3)]
    assert shown([pair(0, 0.2), pair(1, -0.1)], words, words) == [0]
    # As under a distance, whose parts sum to a number below zero.
    assert shown([pair(0, -0.3), pair(1, -0.1), pair(2, -0.2)], words, words) == [1, 2, 0]


@pytest.mark.parametrize("top_k", range(1, 8))
def test_the_widest_shows_all_that_add_something_and_no_smaller_one_does(top_k):
    words = [f"word{n}" for n in range(6)]
    matches = [pair(n, score) for n, score in enumerate([1.0, 0.5, 0.2, 0.08, 0.07, 0.013])]
    widest = widest_top_k(matches, words, words)
    assert (len(shown(matches, words, words, top_k=top_k)) == 6) == (top_k >= widest)


def test_the_paper_s_selection_takes_words_of_any_kind():
    matches = (pair(0, 0.9), pair(1, 0.2), pair(2, 0.1))
    found = select_pairs(matches, LEFT, RIGHT, selection="clusters", options=BTIOptions())
    assert [one.left for one in found] == [0, 1]


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("a warm hat for the winter", "a for the"),
        ("der Mantel ist warm und er hat Taschen", "der ist und er hat"),
        ("le manteau est chaud et doux", "le est et"),
        ("Это тёплая шапка для зимы", "для"),
        ("这 是 一 只 手 套", "这 是 一"),
        ("הכובע של החורף", "של"),
        ("I’m Happy", "I’m"),
        ("wool gloves", ""),
        ("", ""),
    ],
)
def test_stop_words_are_those_of_the_text_s_own_language(text, stops):
    words = text.split()
    (found,) = stop_words_of(words)
    assert {words[n] for n in found} == set(stops.split())


@pytest.mark.parametrize(
    ("text", "negations"),
    [
        ("a hat without a brim that is not warm", "without not"),
        ("der Mantel ist nicht warm", "nicht"),
        ("Это не шапка для зимы", "не"),
        ("es no for sin", ""),
    ],
)
def test_negations_are_no_stop_words(text, negations):
    words = text.split()
    (found,) = negations_of(words)
    assert {words[n] for n in found} == set(negations.split())
    assert not found & stop_words_of(words)[0]


def test_a_negation_is_content_beside_another_only():
    left, right = ["warm", "not", "is", "a"], ["without", "no", "is", "a"]
    sorted_ = sort_matches([pair(0, 0.9), pair(1, 0.5)], left, right)
    assert [one.left for one in sorted_.content] == [1]
    assert [one.left for one in sorted_.function] == [0]


def test_short_texts_take_the_language_of_the_other_and_long_ones_their_own():
    query, passage = ["warm", "hat"], ["a", "knitted", "hat", "for", "the", "winter"]
    assert stop_words_of(query, passage)[0] == frozenset()
    german = ["der", "Mantel", "ist", "warm", "und", "er", "hat", "Taschen", "für", "die", "Hände"]
    english = [
        "the",
        "coat",
        "is",
        "warm",
        "and",
        "it",
        "has",
        "pockets",
        "for",
        "the",
        "hands",
        "of",
        "a",
        "child",
    ]
    left, right = stop_words_of(german, english)
    assert german.index("hat") in left
    assert [english[n] for n in sorted(right)] == [
        "the",
        "is",
        "and",
        "it",
        "has",
        "for",
        "the",
        "of",
        "a",
    ]


def test_common_words_of_a_catalogue_are_shown_as_stop_words_are():
    matches = [pair(1, 0.9), pair(2, 0.5), pair(4, 0.3)]
    options = BTIOptions()
    found = content_pairs(matches, LEFT, RIGHT, options=options, common={"wool", "mittens"})
    assert [one.left for one in found] == [4]
    sorted_ = sort_matches([*matches, pair(0, 0.1)], LEFT, RIGHT, common={"wool", "mittens"})
    assert [one.left for one in sorted_.function] == [0]
    every = {*LEFT, *RIGHT}
    assert len(content_pairs(matches, LEFT, RIGHT, options=options, common=every)) == 3
