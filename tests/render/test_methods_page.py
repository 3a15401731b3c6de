"""Several methods on one page and in the terminal, and how far they agree."""

import io
import random
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console
from signed_explanations import make_large, make_signed
from test_html import HOSTILE, Page, make_gloves

from raising import raises
from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Explanation, Word
from whyalike.render import render_methods, terminal_methods_view
from whyalike.render.methods import rank_agreement, view_methods


def with_saliencies(explanation, left, right, method="other") -> Explanation:
    def fill(side, values):
        words = tuple(replace(w, saliency=v) for w, v in zip(side.words, values, strict=True))
        return replace(side, words=words)

    return replace(
        explanation,
        method=method,
        left=fill(explanation.left, left),
        right=fill(explanation.right, right),
    )


def three():
    signed = make_signed()
    return [
        with_saliencies(signed, (1.0, 0.5, 0.2, 0.0), (0.1, 0.2, 0.3, 0.4), "bti"),
        signed,
        replace(
            with_saliencies(signed, (0.0, 0.2, 0.5, 1.0), (0.4, 0.3, 0.2, 0.1), "shapley"),
            completeness_gap=0.031,
            pair_contributions=None,
            remainder=None,
        ),
    ]


def slow_spearman(one, other):
    """Pearson's correlation of ranks, a tie having the mean of its places."""

    def ranks(values):
        return [
            sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2
            for value in values
        ]

    first, second = ranks(one), ranks(other)
    means = sum(first) / len(first), sum(second) / len(second)
    shifted = [(a - means[0], b - means[1]) for a, b in zip(first, second, strict=True)]
    over = sum(a * b for a, b in shifted)
    under = (sum(a * a for a, _ in shifted) * sum(b * b for _, b in shifted)) ** 0.5
    return over / under


def test_agreement_is_spearmans_of_each_text_averaged():
    numbers = random.Random(7)
    base = make_large(9, 12)
    values = [[round(numbers.uniform(-1, 1), 1) for _ in range(count)] for count in (9, 12, 9, 12)]
    one, other = with_saliencies(base, *values[:2]), with_saliencies(base, *values[2:])
    expected = (slow_spearman(values[0], values[2]) + slow_spearman(values[1], values[3])) / 2
    assert rank_agreement(one, other) == pytest.approx(expected, abs=1e-12)
    assert rank_agreement(one, one) == pytest.approx(1.0)


def test_a_text_in_which_a_method_ranks_nothing_does_not_count():
    base = make_signed()
    one = with_saliencies(base, (0.5, 0.5, 0.5, 0.5), (0.1, 0.2, 0.3, 0.4))
    other = with_saliencies(base, (0.1, 0.2, 0.3, 0.4), (0.4, 0.3, 0.2, 0.1))
    assert rank_agreement(one, other) == pytest.approx(-1.0)
    flat = with_saliencies(base, (1, 1, 1, 1), (1, 1, 1, 1))
    assert rank_agreement(one, flat) is None


def test_words_are_compared_by_their_place_where_a_method_has_fewer():
    base = make_signed()
    one = with_saliencies(base, (0.1, 0.2, 0.3, 0.9), (0.1, 0.2, 0.3, 0.4))
    one = replace(one, pairs=(), matches=(), pair_contributions=None)
    fewer = replace(one, left=replace(one.left, words=one.left.words[1:], unmatched=()))
    assert rank_agreement(one, fewer) == pytest.approx(1.0)
    view = view_methods([one, fewer], notes={}, failures={})
    first = dict(view.words[0].grid.rows)["warm"]
    assert [cell.said for cell in first] == ["0.10", "–"]


def test_each_method_has_a_card_with_its_note_texts_best_pairs_and_sum():
    page = Page(render_methods(three(), notes={"bti": "a paper · 1 forward, 1 backward"}))
    cards = [" ".join(text.split()) for _, _, text in page.select("wa-card")]
    assert len(cards) == 3
    assert cards[0].startswith("bti 0.500 cosine similarity a paper · 1 forward, 1 backward")
    assert "gloves – mittens 0.120" in cards[0]
    assert "Word pairs carry 0.242 of 0.500" in cards[1]
    assert "miss 3.1% of what they should sum to" in cards[2]
    assert "Word pairs carry" not in cards[2]


def test_the_grids_are_words_by_methods_and_methods_by_methods():
    view = view_methods(three(), notes={}, failures={})
    left, right = view.words
    assert left.grid.columns == ("bti", "token_similarity", "shapley")
    assert [name for name, _ in left.grid.rows] == ["warm", "gloves", "not", "cold"]
    assert [cell.said for cell in left.grid.rows[0][1]] == ["1.00", "0.67", "0.00"]
    assert next(cell.said for cell in right.grid.rows[3][1]) == "0.40"
    diagonal = [view.agreement.rows[n][1][n].said for n in range(3)]
    assert diagonal == ["–"] * 3
    opposite = view.agreement.rows[0][1][2]
    assert (opposite.said, opposite.level, opposite.negative) == ("−1.00", 20, True)


def test_of_long_texts_the_most_salient_words_are_shown():
    base = make_large(100, 5)
    saliencies = [n / 100 for n in range(100)]
    view = view_methods([with_saliencies(base, saliencies, [0.0] * 5)], notes={}, failures={})
    assert [name for name, _ in view.words[0].grid.rows] == [f"l{n}" for n in range(40, 100)]
    assert view.words[0].shown == "60 of 100 words shown: the most salient."


def test_the_page_is_whole_and_its_links_lead_somewhere():
    markup = render_methods(three(), failures={"tfidf_w2v": "needs a package"})
    page = Page(markup)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert all(link.removeprefix("#") in ids for link in page.attributes("href"))
    assert len([a for tag, a, _ in page.elements if tag == "article"]) == 3
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "tfidf_w2v" in markup
    assert "needs a package" in markup
    assert "unsafe" not in page.attributes("content")[0]
    assert not page.attributes("style")


def test_one_method_alone_has_no_agreement_and_none_says_so():
    assert "Agreement of the methods</h2>" not in render_methods([make_gloves()])
    assert "There are no explanations on this page." in render_methods([], failures={"bti": "no"})


def test_explanations_of_different_texts_are_refused():
    with raises(OptionError, "token_similarity", "bti", "different texts"):
        render_methods([make_signed(), make_gloves()])


def test_texts_without_words_are_compared_too():
    empty = replace(
        make_gloves(),
        left=ExplainedText("", ()),
        right=ExplainedText("?", ()),
        pairs=(),
        matches=(),
    )
    page = render_methods([empty, replace(empty, method="random")])
    assert "No pairs." in page
    assert not list(Page(page).select("wa-grid"))


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_from_users_becomes_markup(payload):
    def fill(text):
        side = ExplainedText(text, (Word(text, 0, len(text), 0.5),))
        one = replace(make_gloves(), left=side, right=side, pairs=(), matches=(), method=text)
        return render_methods(
            [one, replace(one, method=f"{text}2")],
            notes={text: text},
            failures={text: text},
            title=text,
        )

    page = Page(fill(payload))
    assert page.shape() == Page(fill("word")).shape()


def printed(explanations, failures):
    stream = io.StringIO()
    console = Console(file=stream, width=80, color_system=None, legacy_windows=False)
    console.print(terminal_methods_view(explanations, failures=failures))
    return stream.getvalue()


def test_the_terminal_says_the_texts_once_and_each_method_in_a_few_lines():
    said = printed(three(), {"tfidf_w2v": "needs a package"})
    assert said.count("warm gloves, not cold") == 1
    blocks = said.split("\n\n")
    block = next(block for block in blocks if block.startswith("token_similarity"))
    lines = [line.rstrip() for line in block.splitlines()]
    assert lines[0] == "token_similarity  cosine similarity 0.5000"
    assert lines[1] == "  pairs  gloves – mittens 0.120, cold – cold 0.090, warm – cosy 0.081"
    assert lines[2] == "  left   gloves 1.00, warm 0.67, cold 0.66, not −0.51"
    assert "Word pairs carry 0.242 of 0.500" in block
    assert blocks[-1].split() == ["left", "out", "tfidf_w2v", "needs", "a", "package"]
    assert max(map(len, said.splitlines())) <= 80


def test_escapes_in_texts_and_reasons_are_not_obeyed():
    side = ExplainedText("a\x1b[31m b", (Word("a\x1b[31m", 0, 6, 1.0),))
    one = replace(make_gloves(), left=side, right=side, pairs=(), matches=(), model="\x1b]0;m")
    assert "\x1b" not in printed([one], {"bti\x1b[2J": "no\x1b[2J"})
