"""What is drawn was computed elsewhere: no number, however large or none at all, stops a renderer."""

import io
import math
import re
import warnings
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from signed_explanations import LEFT, RIGHT, make_signed
from test_comparison_rendering import make_comparison

from whyalike.comparison import Comparison
from whyalike.explanation import WordPair
from whyalike.render import (
    draw_comparison,
    draw_figure,
    render_comparison,
    render_comparison_fragment,
    render_comparison_text,
    render_fragment,
    render_html,
    render_leaderboard,
    render_methods,
    render_similar,
    render_similar_text,
    render_text,
    terminal_methods_view,
    terminal_view,
)
from whyalike.render.leaderboard import (
    BoardPage,
    BoardRow,
    BoardSection,
    BoardTable,
    Curve,
    plot_curves,
)
from whyalike.render.parts import (
    decimals_for,
    finite,
    format_number,
    format_signed,
    greatest_of,
    pair_weights,
    part_of,
    place_between,
    plain_text,
    saliency_level,
)
from whyalike.render.similar import SimilarHit, SimilarPage
from whyalike.render.study import Range, draw

NUMBERS = (
    st.sampled_from(
        [0.0, -0.0, 1.0, -0.3, 5e-324, 1e-300, 1e17, 1e308, -1e308, math.inf, -math.inf, math.nan]
    )
    | st.floats()
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
QUICK = settings(deadline=None, max_examples=60)


@st.composite
def explanations(draw):
    """The signed explanation with any numbers in place of its own."""
    made = make_signed()
    sides = [
        replace(
            side,
            words=tuple(
                replace(word, saliency=draw(NUMBERS), contribution=draw(NUMBERS))
                for word in side.words
            ),
        )
        for side in (made.left, made.right)
    ]
    pairs = tuple(
        WordPair(pair.left, pair.right, draw(NUMBERS), draw(NUMBERS)) for pair in made.pairs
    )
    matrix = tuple(tuple(draw(NUMBERS) for _ in row) for row in made.pair_contributions)
    return replace(
        made,
        similarity=draw(NUMBERS),
        completeness_gap=draw(st.none() | NUMBERS),
        remainder=draw(st.none() | NUMBERS),
        left=sides[0],
        right=sides[1],
        pairs=pairs,
        matches=pairs,
        pair_contributions=draw(st.none() | st.just(matrix)),
    )


def worst(value):
    """The signed explanation with one number everywhere."""
    made = make_signed()
    return replace(
        made,
        similarity=value,
        remainder=-value,
        completeness_gap=value,
        **{
            name: replace(
                side,
                words=tuple(replace(w, saliency=value, contribution=value) for w in side.words),
            )
            for name, side in (("left", made.left), ("right", made.right))
        },
        pairs=tuple(WordPair(p.left, p.right, value, value) for p in made.pairs),
        matches=(WordPair(0, 0, value, value), WordPair(1, 1, -value, -value)),
        pair_contributions=tuple((value, -value, value, 0.0) for _ in made.pair_contributions),
    )


def assert_sound(markup):
    """No place, width or bar in the markup is anything but a finite number."""
    drawn = re.findall(r'\b(?:x|y|x1|x2|y1|y2|width|height|points)="([^"]*)"', markup)
    for value in drawn:
        for number in re.split("[ ,]", value):
            assert not number or math.isfinite(float(number.rstrip("%"))), value
    assert len(markup) < 2_000_000


@QUICK
@given(explanations())
@example(worst(1e308))
@example(worst(-1e308))
@example(worst(5e-324))
@example(worst(math.nan))
@example(worst(math.inf))
@example(worst(-math.inf))
def test_an_explanation_of_any_numbers_is_drawn(explanation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = render_text(explanation)
        plain_text(terminal_view(explanation, colour=True), width=80)
        plain_text(terminal_methods_view([explanation], failures={}), width=80)
        for markup in (render_html([explanation]), render_fragment(explanation)):
            assert_sound(markup)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("gloves", "mittens"):
        assert word in text


@QUICK
@given(explanations(), explanations())
@example(worst(1e308), worst(-1e308))
@example(worst(math.nan), worst(math.inf))
def test_a_comparison_of_any_numbers_is_drawn(better, worse):
    comparison = Comparison(better=better, worse=worse)
    text = render_comparison_text(comparison)
    assert max(map(len, text.splitlines())) <= 80
    for markup in (render_comparison(comparison), render_comparison_fragment(comparison)):
        assert_sound(markup)


@QUICK
@given(explanations(), explanations())
def test_methods_beside_each_other(one, other):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy says that a rank correlation is undefined.
        assert_sound(render_methods([one, replace(other, method="bti")]))


@QUICK
@given(explanations(), NUMBERS, NUMBERS)
def test_similar_items_of_any_numbers_are_drawn(explanation, similarity, part):
    hit = SimilarHit(1, "a", "t", RIGHT, similarity, (), (("title", part),), (("", explanation),))
    page = SimilarPage("", "", LEFT, (), (hit,))
    assert_sound(render_similar(page))
    assert max(map(len, render_similar_text(page).splitlines())) <= 80


ROWS = st.lists(
    st.builds(
        BoardRow,
        st.sampled_from(["bti", "random", "whyalike"]),
        NUMBERS,
        NUMBERS,
        NUMBERS,
        st.booleans(),
        curve=st.tuples(st.none() | NUMBERS, st.none() | NUMBERS, NUMBERS),
    ),
    max_size=3,
)


@QUICK
@given(ROWS, st.tuples(NUMBERS, NUMBERS, NUMBERS), st.none() | st.tuples(NUMBERS, st.just("x")))
@example(
    [BoardRow("a", 0.0, -1e308, 1e308, True, curve=(1e308, -1e308, 0.0))], (0.0, 1.0, 2.0), None
)
def test_a_leaderboard_of_any_numbers_is_drawn(rows, points, reference):
    table = BoardTable("m", "what", "why", tuple(rows), points, reference)
    page = BoardPage((), "", (BoardSection("d", 3, (table,), (table,)),), ())
    assert_sound(render_leaderboard(page))


@QUICK
@given(
    st.lists(st.tuples(*[st.none() | NUMBERS] * 4), min_size=1, max_size=4),
    st.tuples(*[NUMBERS] * 4),
)
def test_curves_of_any_numbers_are_drawn(curves, points):
    plot = plot_curves(points, [Curve(str(n), means, n == 0) for n, means in enumerate(curves)])
    if plot is not None:
        for line in plot.lines:
            for number in line.path.replace(",", " ").split():
                assert 0 <= float(number) <= 460


@QUICK
@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_study_s_plot_of_any_numbers_is_drawn(mean, low, high):
    from test_render_study import make_page

    drawn = draw(Range(mean, low, high, (mean, low)), make_page().table_1)
    for place in (drawn.x, drawn.low, drawn.low + drawn.width, *drawn.dots):
        assert 0 <= place <= 200


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, math.nan, math.inf])
def test_pictures_of_any_numbers_are_drawn(value):
    """Each takes a second, so that few are drawn: of the numbers that are hardest to place."""
    made = worst(value)
    draw_figure(made, io.BytesIO(), format="svg")
    draw_figure(made, stream := io.BytesIO(), format="png", dpi=40)
    assert stream.getvalue().startswith(b"\x89PNG")
    draw_comparison(Comparison(better=made, worse=worst(-value)), io.BytesIO(), format="svg")
    draw_comparison(replace(make_comparison(), better=made), io.BytesIO(), format="png", dpi=40)


@given(NUMBERS, NUMBERS)
def test_a_part_is_from_0_to_1(value, whole):
    part = part_of(value, whole)
    assert 0 <= part <= 1
    if math.isfinite(value) and math.isfinite(whole) and abs(value) <= abs(whole) and whole:
        assert part == abs(value / whole)
    assert 0 <= saliency_level(value) <= 20


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_place_is_from_0_to_1(value, low, high):
    place = place_between(value, low, high)
    assert 0 <= place <= 1
    if max(map(abs, (value, low, high))) < 1e150 and low < high and low <= value <= high:
        assert place == pytest.approx((value - low) / (high - low), abs=1e-9)
    if math.isfinite(low) and math.isfinite(high) and low != high:
        assert place_between(low, low, high) == 0
        assert place_between(high, low, high) == 1
        assert place_between(math.inf, low, high) == float(low < high)


@given(st.lists(NUMBERS))
def test_the_greatest_is_that_of_the_finite(values):
    assert finite(values) == [v for v in values if v - v == 0]
    assert greatest_of(values) == max((abs(v) for v in values if v - v == 0), default=0.0)
    assert 3 <= decimals_for(values) <= 6
    weights = pair_weights([WordPair(0, 0, 0.0, value) for value in values])
    assert all(1 <= weight <= 4 for weight in weights)


@given(NUMBERS, st.integers(0, 6))
def test_a_number_is_written_short(value, digits):
    said = format_number(value, digits)
    assert len(said) <= 20
    assert "-" not in said
    if math.isfinite(value) and abs(value) < 1e12:
        assert float(said.replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            value, abs=0.51 * 10.0**-digits
        )
    signed = format_signed(value, digits)
    assert signed in (said, f"+{said}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (1e308, "1.000e+308"),
        (-2.5e12, "−2.500e+12"),
        (999999999999.0, "999999999999.000"),
        (-0.0004, "0.000"),
    ],
)
def test_how_a_number_is_written(value, said):
    assert format_number(value, 3) == said
