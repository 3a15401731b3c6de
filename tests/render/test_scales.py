"""Fixed scales: what a full shade and a full bar stand for, the same for every pair."""

import re
from dataclasses import replace

import pytest

from raising import raises
from whyalike import Explanation
from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Word, WordPair
from whyalike.render import render_text
from whyalike.render.parts import unmatched_words
from whyalike.render.scales import FULL, common_scale, scale_of
from whyalike.render.view import view_explanation, view_matrix, why_not_more_alike

LEFT, RIGHT = "wool gloves", "knit gloves"


def side(text, values, *, signed=True):
    words, at = [], 0
    greatest = max(map(abs, values))
    for said, value in zip(text.split(), values, strict=True):
        given = value if signed else None
        words.append(Word(said, at, at + len(said), value / greatest, given))
        at += len(said) + 1
    return ExplainedText(text, tuple(words))


def explained(
    similarity, left, right, *, function="cosine", signed=True, scores=(0.1, 0.05), **more
):
    pairs = tuple(WordPair(n, n, 0.5, score) for n, score in enumerate(scores))
    return Explanation(
        similarity=similarity,
        similarity_function=function,
        method="whyalike" if signed else "bti",
        model="m",
        pooling="model",
        left=side(LEFT, left, signed=signed),
        right=side(RIGHT, right, signed=signed),
        pairs=pairs,
        matches=pairs,
        **more,
    )


def levels(explanation, **options):
    view = view_explanation(explanation, id="e", **options)
    return [
        int(re.search(r"wa-s(\d+)", run.tone)[1])
        for one in view.sides
        for run in one.runs
        if run.tone
    ]


PARAPHRASE = explained(0.6, (0.15, 0.075), (0.3, -0.0375))
UNRELATED = explained(-0.01, (0.015, 0.0075), (0.03, -0.00375), scores=(0.01, 0.005))


def test_a_shade_is_what_a_word_adds_and_equal_across_pairs():
    assert FULL == 0.15
    assert levels(PARAPHRASE) == [20, 10, 20, 5]
    assert levels(UNRELATED) == [2, 1, 4, 0]
    assert (
        levels(UNRELATED, scale="relative")
        == levels(PARAPHRASE, scale="relative")
        == [20, 10, 20, 2]
    )


def test_bars_and_lines_are_absolute_too():
    for one, bars, weights in ((PARAPHRASE, [66.7, 33.3], [3, 1]), (UNRELATED, [6.7, 3.3], [1, 1])):
        rows = view_explanation(one, id="e").pairs
        assert [row.bar for row in rows] == bars
        assert [row.weight for row in rows] == weights
        relative = view_explanation(one, id="e", scale="relative").pairs
        assert [row.bar for row in relative] == [100.0, 50.0]


def test_saliency_without_units_is_dimmed_by_the_cosine():
    strong = explained(0.5, (1.0, 0.4), (1.0, 0.0), signed=False)
    assert levels(strong) == [10, 4, 10, 0]
    assert levels(replace(strong, similarity=-0.01)) == [0, 0, 0, 0]
    assert levels(replace(strong, similarity=1.0)) == levels(strong, scale="relative")
    view = view_explanation(strong, id="e")
    assert [row.bar for row in view.pairs] == [5.0, 2.5]
    assert view.scale.what == "Saliency × cosine"


@pytest.mark.parametrize("function", ["dot", "euclidean", "manhattan", "hamming", "score"])
@pytest.mark.parametrize("signed", [True, False])
def test_a_score_without_a_scale_is_shown_relatively_and_says_so(function, signed):
    found = explained(7.0, (3.0, 1.5), (3.0, 0.3), function=function, signed=signed)
    assert levels(found) == [20, 10, 20, 2]
    assert "no fixed scale" in found.to_html()
    assert "no fixed scale" not in found.to_html(scale="relative")


def test_every_legend_says_what_a_full_shade_is():
    assert "Adds" in PARAPHRASE.to_html()
    assert "0.15 or more" in PARAPHRASE.to_html()
    said = render_text(PARAPHRASE)
    assert "*wool*[1]" in said
    assert "*word* adds 0.075 or more" in said
    assert "*" not in render_text(UNRELATED).partition("left\n")[2]
    assert "*word* saliency of 0.5 or more" in render_text(UNRELATED, scale="relative")


def test_cells_of_a_matrix_in_units_of_the_score_have_the_scale_of_words():
    matrix = ((0.075, 0.0), (0.0, -0.015))
    found = explained(0.06, (0.1, 0.1), (0.1, 0.1), pair_contributions=matrix, remainder=0.0)
    view = view_explanation(found, id="e").matrix
    assert [[cell.level for cell in cells] for _, cells in view.grid.rows] == [[10, 0], [0, 2]]
    assert view.scale == "0.150"
    own = view_matrix(replace(found, remainder=None), scale=scale_of(found))
    assert [[cell.level for cell in cells] for _, cells in own.grid.rows] == [[20, 0], [0, 4]]


def test_pictures_of_one_scale_are_the_same_where_only_another_word_is_greater(tmp_path):
    PARAPHRASE.to_svg(tmp_path / "a.svg")
    PARAPHRASE.to_svg(tmp_path / "b.svg", scale="relative")
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("write", ["to_html", "to_svg"])
def test_another_scale_is_refused(write, tmp_path):
    place = (tmp_path / "a.svg",) if write == "to_svg" else ()
    with raises(OptionError, "scale", "'absolute'", "'relative'"):
        getattr(PARAPHRASE, write)(*place, scale="log")
    assert not list(tmp_path.iterdir())


def test_explanations_below_one_legend_share_a_scale_or_are_relative():
    bti = explained(0.5, (1.0, 0.4), (1.0, 0.0), signed=False)
    assert common_scale([PARAPHRASE, UNRELATED]) == "absolute"
    assert common_scale([bti, replace(bti, similarity=0.1)]) == "absolute"
    assert common_scale([PARAPHRASE, bti]) == "relative"
    assert common_scale([]) == "relative"


def test_a_word_in_a_match_is_never_said_to_match_nothing():
    """Older documents name words that the table of matches has."""
    left = replace(PARAPHRASE.left, unmatched=(0, 1))
    old = replace(PARAPHRASE, left=left, pairs=(), matches=PARAPHRASE.matches[:1])
    assert unmatched_words(old, "left") == (1,)
    listed = [
        word for reason in why_not_more_alike(old) if "nothing" in reason.title
        for words in reason.lists for word, _ in words.words
    ]  # fmt: skip
    assert listed == ["gloves"]
    runs = view_explanation(old, id="e").sides[0].runs
    assert [run.text for run in runs if "wa-unmatched" in run.tone] == ["gloves"]
