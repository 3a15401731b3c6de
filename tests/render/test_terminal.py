"""The terminal view: what it says, how wide it is, and what never gets through to the terminal.

``WHYALIKE_UPDATE_GOLDEN=1 pytest tests/render/test_terminal.py`` writes the golden files anew; look
at them before they are committed (``cat`` shows the colours).
"""

import io
import os
import re
import unicodedata
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.render.terminal import render_text, terminal_view, visible
from whyalike.texts import find_words

GOLDEN = Path(__file__).parents[1] / "golden"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def side(text, saliencies=(), unread=0):
    """A text whose words have these saliencies, 0 where none is given; the last are unread."""
    spans = find_words(text)
    spans = spans[: len(spans) - unread]
    values = [*saliencies, *[0.0] * (len(spans) - len(saliencies))]
    words = tuple(
        Word(text[start:end], start, end, value)
        for (start, end), value in zip(spans, values, strict=True)
    )
    return ExplainedText(text, words, unread)


def explain(left, right, pairs=(), **changes):
    left, right = (side(text) if isinstance(text, str) else text for text in (left, right))
    made = tuple(
        pair if isinstance(pair, WordPair) else WordPair(*pair, 0.5, 0.25) for pair in pairs
    )
    known = {
        "similarity": 0.5,
        "similarity_function": "cosine",
        "method": "bti",
        "model": "all-MiniLM-L6-v2",
        "pooling": "model",
    }
    return Explanation(**(known | changes), left=left, right=right, pairs=made, matches=made)


def coloured(explanation, *, width=80):
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
        highlight=False,
        _environ={},
    )
    console.print(terminal_view(explanation, colour=True))
    return stream.getvalue()


GLOVES = explain(
    side(
        "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips,\n"
        "a soft fleece lining and ribbed cuffs.",
        [0.1, 0.62, 0.48, 0.0, 0.05, 0.31, 1.0, 0.2, 0.93, 0.77, 0.02],
    ),
    side(
        "These smartphone-friendly gloves are cut from stretch wool, so you can text in the cold.",
        [0.04, 0.88, 1.0, 0.0, 0.12, 0.0, 0.22, 0.41],
    ),
    [
        WordPair(6, 2, 0.959, 0.959),
        WordPair(8, 1, 0.712, 0.5827),
        WordPair(9, 1, 0.55, 0.3727),
        WordPair(1, 2, 0.433, 0.2685),
        WordPair(10, 9, -0.06, -0.0),
    ],
    similarity=0.83642,
)
CUT = explain(
    side("How do I get my money back?", [0.2, 0.0, 0.1, 0.3, 0.2, 1.0, 0.6, 0.05]),
    side(
        "Passengers may claim a full refund within seven days, provided that they wait.",
        [0.5, 0.1, 0.7, 0.0, 0.55, 1.0],
        unread=9,
    ),
    [WordPair(5, 5, 0.61, 0.61), WordPair(6, 2, 0.4, 0.168)],
    similarity=-7.25,
    similarity_function="euclidean",
    pooling="paper",
    warnings=(
        "The model reads at most 8 tokens: the last 9 words of the right text were not read (the "
        "first 6 were).",
    ),
)
MANY = explain(
    side("one two three four five", [0.9, 0.7, 0.5, 0.3, 0.1]),
    side("alpha beta gamma", [1.0, 0.6, 0.2]),
    [WordPair(i, j, 0.5, 0.5 - 0.03 * (3 * i + j)) for i, j in product(range(5), range(3))],
)
SCRIPTS = explain(
    side("東京タワーの👩🏽‍🚀 café שלום", [0.8, 0.9, 0.7, 0.1, 1.0, 0.3, 0.6]),
    side("Tokyo Tower’s astronaut", [0.8, 1.0, 0.4]),
    [(0, 0), (2, 1), (4, 2), (6, 0)],
)
EMPTY = explain(
    "",
    " \n ",
    similarity=0.0,
    warnings=("The left text has no words, so that nothing can be matched.",),
)
SIGNED = replace(
    explain(
        side("warm gloves, not cold", [0.67, 1.0, 0.0, -0.51, 0.66]),
        side("cosy mittens but cold", [0.6, 0.97, -0.01, 0.68]),
        [WordPair(1, 1, 0.8, 0.12), WordPair(4, 3, 0.9, 0.09)],
        similarity=0.5,
    ),
    remainder=0.258,
    completeness_gap=0.004,
)
SIGNED = replace(
    SIGNED,
    **{
        which: replace(
            text,
            words=tuple(replace(w, contribution=0.133 * w.saliency) for w in text.words),
            unmatched=unmatched,
        )
        for which, text, unmatched in (("left", SIGNED.left, (0, 3)), ("right", SIGNED.right, (2,)))
    },
)
CASES = {
    "signed": SIGNED,
    "gloves": GLOVES,
    "cut": CUT,
    "many": MANY,
    "scripts": SCRIPTS,
    "empty": EMPTY,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("kind", "render"), [("plain", render_text), ("colour", coloured)])
def test_the_view_is_that_of_the_golden_file(name, kind, render):
    golden = GOLDEN / f"terminal-{name}-{kind}.txt"
    drawn = render(CASES[name])
    if os.environ.get("WHYALIKE_UPDATE_GOLDEN") == "1":
        golden.write_text(drawn, encoding="utf-8")
    assert drawn == golden.read_text(encoding="utf-8")


# Words of every kind, and what a hostile text may hold: escapes, controls, reordering, newlines.
HOSTILE = st.text(
    st.sampled_from(
        "ab é日語カ👍\u0301\u200d.,-[]*\n\r\t\x00\x07\x1b\x9b\x7f\u202e\u2066\u2028m;31("
    )
    | st.characters(),
    max_size=60,
)


@st.composite
def explanations(draw):
    left, right = (side(draw(HOSTILE)) for _ in range(2))
    pairs = []
    if left.words and right.words:
        index = st.integers(0, len(left.words) - 1), st.integers(0, len(right.words) - 1)
        pairs = draw(st.lists(st.tuples(*index), max_size=16))
    return explain(left, right, pairs, model=draw(HOSTILE), warnings=(draw(HOSTILE),))


def assert_harmless(drawn):
    for character in drawn.replace("\n", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            *("LRE", "RLE", "PDF", "LRO", "RLO"),
            *("LRI", "RLI", "FSI", "PDI"),
        )


@settings(deadline=None)
@given(explanations(), st.integers(50, 120))
def test_nothing_in_a_text_commands_the_terminal_or_makes_a_line_too_long(explanation, width):
    plain = render_text(explanation, width=width)
    assert_harmless(plain)
    assert max(map(cell_len, plain.split("\n"))) <= width
    drawn = ANSI.sub("", coloured(explanation, width=width))
    assert_harmless(drawn)
    assert max(map(cell_len, drawn.split("\n"))) <= width


def test_an_escape_in_a_text_is_shown_and_not_obeyed():
    attack = "red \x1b[31mtext\x1b]0;title\x07 \x9b2J and \u202ereversed\u2066 words"
    explanation = explain(attack, "plain", [(0, 0)], model=attack, warnings=(attack,))
    plain = render_text(explanation)
    assert "\x1b" not in plain
    assert plain.count("�[31mtext�]0;title� �2J and reversed words") == 3
    assert "red[1] �[31mtext" in plain


def test_markup_of_rich_in_a_text_is_only_text():
    assert "[bold]wow[/bold] :smile:" in render_text(explain("[bold]wow[/bold] :smile:", "b"))


def test_plain_text_has_no_colour_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "\x1b" not in render_text(GLOVES)


def test_str_is_the_plain_view():
    assert str(GLOVES) == render_text(GLOVES)


def test_the_same_words_are_said_with_and_without_colour():
    plain, drawn = render_text(GLOVES).replace("*", ""), ANSI.sub("", coloured(GLOVES))
    # The stars move the ends of lines, and the legends differ.
    assert drawn.split("\n[n]")[0].split() == plain.split("\n[n]")[0].split()


def test_paired_words_have_their_marks_and_salient_ones_their_stars():
    plain = render_text(GLOVES)
    assert "*hands*[4] warm with these knit *gloves*[1]" in plain
    assert "*smartphone-friendly*[2,3] *gloves*[1,4] are" in plain


def test_a_word_of_the_text_keeps_its_place_among_blanks_and_lines():
    plain = render_text(explain("  one\n\n  two\r\nthree\rfour\u2028five\tsix  \n", "x"))
    assert "\nleft\n  one\n\n  two\nthree\nfour\nfive    six\n\nright\n" in plain


def test_line_breaks_of_a_text_are_kept_in_colour_too():
    assert "one\n\ntwo" in ANSI.sub("", coloured(explain("one\n\ntwo", "x")))


@pytest.mark.parametrize(
    ("unread", "says"),
    [
        (1, "not read (1 word): seven"),
        (2, "not read (2 words): six seven"),
        (7, "not read (7 words): one"),
    ],
)
def test_unread_words_are_counted_and_shown_apart(unread, says):
    text = "one two three four five six seven"
    plain = render_text(explain(side(text, unread=unread), "b"))
    assert f"\n{says}" in plain
    assert plain.count("seven") == 1


def test_a_long_unread_tail_is_cut_with_an_ellipsis():
    text = "one " + "unread " * 100_000
    plain = render_text(explain(side(text, unread=100_000), "b"))
    assert "not read (100,000 words): unread unread" in plain
    assert "…\n\nright" in plain
    assert len(plain) < 2_000


def test_a_whole_unread_tail_has_no_ellipsis():
    assert "…" not in render_text(explain(side("one two three", unread=2), "b"))


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_an_empty_text_is_said_to_be_empty(text):
    plain = render_text(explain(text, "words"))
    assert "\nleft\n(empty)\n\nright\nwords\n\nNo word pairs to show.\n" in plain
    assert "[n]" not in plain


def test_a_text_without_words_is_shown_as_it_is():
    text = ExplainedText("\ufe0e?!", ())
    assert "\nleft\n\ufe0e?!\n" in render_text(explain(text, "b"))


def test_a_text_of_300_words_is_shown_whole():
    words = [f"word{n}" for n in range(300)]
    plain = render_text(explain(" ".join(words), "b", [(n, 0) for n in range(300)]))
    for n, word in enumerate(words):
        assert re.search(rf"\b{word}\[{n + 1}\]", plain)
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize(
    ("count", "says"), [(12, ""), (13, "and 1 more pair\n"), (40, "and 28 more pairs\n")]
)
def test_the_table_ends_after_twelve_rows_and_counts_the_rest(count, says):
    plain = render_text(explain(" ".join("x" * count), "b", [(n, 0) for n in range(count)]))
    rows = re.findall(r"^ ?\d+ +x +0\.000 +b ", plain, flags=re.MULTILINE)
    assert len(rows) == 12
    assert says in plain
    assert ("more pair" in plain) == bool(says)


def test_a_very_long_word_is_shown_whole_in_the_text_and_cut_in_the_table():
    plain = render_text(explain("x" * 1000, "b", [(0, 0)]))
    assert "x" * 80 + "\n" in plain
    assert plain.count("x") == 1000 + 2 * 39
    assert "…" in plain


def test_a_wide_word_is_folded_into_its_column():
    text = ExplainedText("語" * 39, (Word("語" * 39, 0, 39, 1.0),))
    plain = render_text(explain(text, "b", [(0, 0)]))
    assert plain.count("語") == 3 * 39
    assert max(map(cell_len, plain.splitlines())) <= 80


def test_numbers_have_three_decimals_and_no_negative_zero():
    plain = render_text(explain("a", "b", [WordPair(0, 0, -0.0004, -0.0)]))
    assert re.search(r"^1 +a +0\.000 +b +0\.000 +0\.000 +0\.000$", plain, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("function", "similarity", "says"),
    [
        ("cosine", 0.83642, "cosine similarity 0.8364\n"),
        ("dot", 31.5, "dot similarity 31.5000\n"),
        ("euclidean", -1.5, "euclidean similarity -1.5000 (minus the distance: 0 is identical)\n"),
    ],
)
def test_the_score_and_its_scale_follow_the_verdict(function, similarity, says):
    explanation = explain("a", "b", similarity=similarity, similarity_function=function)
    assert render_text(explanation).partition("\n")[2].startswith(says)


@pytest.mark.parametrize(
    ("pooling", "says"),
    [
        ("model", "the model's own score"),
        ("paper", "mean of word tokens, as in the paper"),
        ("cls", "cls token"),
        ("last", "last token"),
    ],
)
def test_the_view_says_whose_score_it_is(pooling, says):
    lines = render_text(explain("a", "b", pooling=pooling)).splitlines()
    assert lines[2] == f"model all-MiniLM-L6-v2 · method bti · {says}"


def test_each_warning_is_said():
    plain = render_text(explain("a", "b", warnings=("First one.", "Second one.")))
    assert plain.endswith("! First one.\n! Second one.\n")


def test_words_that_get_colour_have_their_own_foreground():
    styles = re.findall(r"\x1b\[([0-9;]*48;2[0-9;]*)m", coloured(GLOVES))
    assert len(styles) > 6
    assert all("38;2;0;0;0" in style or "38;2;255;255;255" in style for style in styles)


def test_every_foreground_can_be_read_on_its_background():
    for foreground, background in re.findall(
        r"38;2;(\d+;\d+;\d+);48;2;(\d+;\d+;\d+)m", coloured(GLOVES) + coloured(MANY)
    ):
        light = [luminance(map(int, colour.split(";"))) for colour in (foreground, background)]
        assert (max(light) + 0.05) / (min(light) + 0.05) >= 4.5


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_pair_has_one_colour_on_both_sides_and_in_the_table():
    drawn = coloured(explain("a x", "y b", [(0, 1)]))
    colours = re.findall(r"\x1b\[1;38;2;0;0;0;48;2;([0-9;]+)m(\S+?)\x1b", drawn)
    assert [text for _, text in colours] == ["[1]", "[1]", "1"]
    assert len({colour for colour, _ in colours}) == 1


def test_words_in_pairs_keep_the_shade_of_their_saliency():
    drawn = coloured(GLOVES)
    word = max(GLOVES.left.words, key=lambda word: word.saliency)
    assert re.search(rf"38;2;255;255;255;48;2;29;95;224m{word.text}\x1b", drawn)


@given(HOSTILE)
def test_visible_keeps_everything_else(text):
    plain = "".join(character for character in text if unicodedata.category(character)[0] in "LNPS")
    kept = "".join(
        character
        for character in visible(text)
        if unicodedata.category(character)[0] in "LNPS" and character != "\ufffd"
    )
    assert kept == plain.replace("\ufffd", "")


def test_a_completeness_gap_is_said():
    with_gap = replace(GLOVES, method="integrated_gradients", completeness_gap=0.0123)
    assert "method integrated_gradients, gap 1.2%" in render_text(with_gap)
    assert "gap" not in render_text(GLOVES)


def test_contributions_take_the_place_of_saliency_in_the_table():
    plain = render_text(SIGNED)
    assert re.search(r"^# +left word +adds +right word +adds +cosine +score$", plain, re.MULTILINE)
    assert re.search(r"^1 +gloves +\+0\.133 +mittens +\+0\.129 ", plain, re.MULTILINE)


def test_words_that_pull_apart_are_marked_otherwise_than_salient_ones():
    plain = render_text(SIGNED, scale="relative")
    assert "*gloves*[1], ~not~ *cold*[2]" in plain
    assert "~word~ −0.5 or less" in plain
    assert "~" not in render_text(SIGNED)  # Less than half of a full shade.
    word = SIGNED.left.words[2]
    strong = replace(word, contribution=-0.09)
    words = (*SIGNED.left.words[:2], strong, *SIGNED.left.words[3:])
    assert word.text in (",", "not")
    strongly = render_text(replace(SIGNED, left=replace(SIGNED.left, words=words)))
    assert f"~{word.text}~" in strongly
    assert "~word~ takes 0.075 or more" in strongly
    drawn = coloured(SIGNED)
    assert "\x1b[4mnot\x1b[0m" in drawn
    assert "underlined:" in drawn


def test_why_not_more_alike_is_said_where_there_is_a_reason():
    said = render_text(SIGNED).split("why not more alike\n")[1]
    assert said.splitlines() == [
        "words that match nothing",
        "  left: warm, not",
        "  right: but",
        "words that pull apart, each deleted alone, by estimate",
        "  left: not −0.068",
    ]
    assert "why not" not in render_text(GLOVES)


def test_what_the_words_carry_is_said_with_what_is_left():
    assert "Matched words carry 0.242 of 0.500; words that match nothing, 0.258" in render_text(
        SIGNED
    )
