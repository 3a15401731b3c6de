"""Edits and their spans, the registry of rules, and the word lists."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike.errors import FormatError, OptionError, TextError
from whyalike.probing.edits import RULES, find_edits, get_rule, list_rules, make_edit, register_rule
from whyalike.probing.rule_text import RuleText, WordLists, article_for

TEXT = (
    "The hotel was not quiet and all rooms are warm and soft. It costs 30 dollars a night until "
    "12 March 2024, and Alice called Tom. Do not bring an old colour print or a huge couch."
)
PIECES = [
    *TEXT.split(),
    "¿",
    "👍🏽",
    "שלום",
    "日本",
    "\ud800",
    "\n",
    "don't",
    "5kg",
    "$30",
    "A",
    "an",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_spans_say_exactly_what_changed(pieces, seed):
    text = " ".join(pieces)
    for edit in find_edits(text, per_rule=3, seed=seed):
        assert edit.edited != edit.text
        rebuilt, place = "", 0
        for change in edit.changes:
            assert edit.text[change.start : change.end] == change.old
            assert edit.edited[change.new_start : change.new_end] == change.new
            rebuilt += edit.text[place : change.start] + change.new
            place = change.end
        assert rebuilt + edit.text[place:] == edit.edited


def test_the_seed_decides_and_nothing_else():
    def said(seed):
        return [edit.edited for edit in find_edits(TEXT, seed=seed)]

    assert said(1) == said(1)
    assert len({tuple(said(seed)) for seed in range(6)}) > 1


def test_a_choice_of_rules_changes_no_other_rule():
    alone = find_edits(TEXT, rules=["numbers"], seed=3)
    assert alone == [edit for edit in find_edits(TEXT, seed=3) if edit.rule == "numbers"]


def test_per_rule_is_a_limit_and_the_order_is_that_of_the_text():
    every = find_edits(TEXT, rules=["negation_removed"], per_rule=9)
    assert [edit.changes[0].start for edit in every] == sorted(e.changes[0].start for e in every)
    assert len(every) == 2
    (one,) = find_edits(TEXT, rules=["negation_removed"])
    assert one in every


@pytest.mark.parametrize(
    ("replacements", "says"),
    [
        ([(0, 3, "abc")], "inside"),
        ([(2, 9, "x")], "inside"),
        ([(0, 2, "x"), (1, 3, "y")], "overlap"),
        ([], "one or more"),
    ],
)
def test_replacements_that_make_no_edit_are_refused(replacements, says):
    with raises(OptionError, *says.split(" | ")):
        make_edit("abc", replacements, rule="r", changes_meaning=True)


def test_a_summary_is_one_short_line():
    def said(*replacements):
        return make_edit("a bc d", replacements, rule="r", changes_meaning=True).summary

    assert said((2, 4, "x")) == "bc → x"
    assert said((1, 1, " not")) == "+ not"
    assert said((1, 4, "")) == "− bc"
    assert said((0, 1, "d"), (5, 6, "a")) == "a → d, d → a"


def test_a_rule_of_ones_own_is_one_function(monkeypatch):
    monkeypatch.setattr(RULES, "_entries", {rule.name: rule for rule in list_rules()})

    @register_rule("colours", changes_meaning=True, summary="another colour")
    def colours(text):
        for n, token in enumerate(text.tokens):
            if token.lower == "red" and text.is_free(n):
                yield text.replace(n, n + 1, "blue")

    (edit,) = find_edits("A red hat.", rules=["colours"])
    assert (edit.edited, edit.changes_meaning) == ("A blue hat.", True)
    assert find_edits("An red hat.", rules=["colours"]) == []
    with raises(OptionError, "'colours'", "registered", "test_probe_edits"):
        register_rule("colours", changes_meaning=False, summary="")(colours)


def test_wrong_use_is_told():
    with raises(OptionError, "'nope'", "antonyms"):
        find_edits("a", rules=["nope"])
    with raises(OptionError, "rules", "'antonyms'", "['antonyms']"):
        find_edits("a", rules="antonyms")
    with raises(OptionError, "per_rule", "0"):
        find_edits("a", per_rule=0)
    with pytest.raises(TextError, match="type int"):
        find_edits(3)
    assert get_rule("numbers").changes_meaning


def test_word_lists_are_read_and_extended(tmp_path):
    (tmp_path / "antonyms.txt").write_text(
        "# of ours\nmatt <> glossy  # finish\nknitted > woven, felted\n", encoding="utf-8"
    )
    own = WordLists.read(tmp_path)
    assert own.replacements("antonyms") == {
        "matt": ("glossy",),
        "glossy": ("matt",),
        "knitted": ("woven", "felted"),
    }
    text = "A glossy print on hot paper."
    lists = WordLists.english().extended(own)
    found = find_edits(text, rules=["antonyms"], words=lists, per_rule=9)
    assert [edit.summary for edit in found] == ["glossy → matt", "hot → cold"]
    assert [e.summary for e in find_edits(text, rules=["antonyms"], words=own)] == ["glossy → matt"]
    assert WordLists().words("antonyms") == ()


@pytest.mark.parametrize("line", ["a > b > c", "> b", "a >", "a, b", "a <> b, "])
def test_a_damaged_list_is_told_with_its_line(tmp_path, line):
    (tmp_path / "antonyms.txt").write_text(f"hot <> cold\n{line}\n", encoding="utf-8")
    with raises(FormatError, "antonyms.txt", "line 2"):
        WordLists.read(tmp_path)


def test_a_folder_without_lists_is_told(tmp_path):
    with raises(FormatError, "word lists"):
        WordLists.read(tmp_path / "nowhere")


def test_no_word_of_ours_stands_for_itself_and_phrases_are_in_lower_case():
    lists = WordLists.english()
    for name in ("antonyms", "synonyms", "spelling", "contractions", "units"):
        for old, choices in lists.replacements(name).items():
            assert old not in choices
            assert old == old.lower()
    shared = lists.replacements("antonyms").items() & lists.replacements("synonyms").items()
    assert not shared


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("apple", "an"), ("cat", "a"), ("hour", "an"), ("house", "a"), ("useful", "a"),
        ("unusual", "an"), ("uniform", "a"), ("unimportant", "an"), ("European", "a"),
        ("8", "an"), ("80", "an"), ("11", "an"), ("110", "a"), ("18", "an"), ("one", "a"),
    ],
)  # fmt: skip
def test_a_or_an(word, article):
    assert article_for(word) == article


def test_sentences_and_what_may_be_touched():
    text = RuleText(
        'It is 3.5 m. "Yes!" he said. Dr. Smith, e.g. Plan B. See a/b\nNext line',
        words=WordLists.english(),
        rng=Random(0),
    )
    by_sentence = {}
    for token in text.tokens:
        by_sentence.setdefault(token.sentence, []).append(token.text)
    assert by_sentence[0] == ["It", "is", "3.5", "m", ".", '"', "Yes", "!", '"', "he", "said", "."]
    assert [tokens[0] for tokens in by_sentence.values()] == ["It", "Dr", "Next"]
    places = {token.text: n for n, token in enumerate(text.tokens)}
    assert not text.is_free(places["a"])
    assert not text.is_free(places["Smith"])
    assert text.is_free(places["said"])
