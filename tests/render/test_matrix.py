"""The matrix as a grid: which words, which shades, which unit."""

import random
from dataclasses import replace

import pytest
from signed_explanations import MATRIX, make_large, make_signed

from whyalike.render.view import WORDS_SHOWN, choose_words, make_cell, unit_power, view_matrix


def test_every_cell_says_its_value_in_the_unit_and_its_shade():
    view = view_matrix(make_signed())
    assert view.unit == "0.001"
    assert view.scale == "0.120"
    assert view.shown == ""
    assert [name for name, _ in view.grid.rows] == ["warm", "gloves", "not", "cold"]
    assert view.grid.columns == ("cosy", "mittens", "but", "cold")
    for (_, cells), row in zip(view.grid.rows, MATRIX, strict=True):
        for cell, value in zip(cells, row, strict=True):
            assert cell.value == value
            assert int(cell.said.replace("−", "-")) == round(value * 1000)
            assert cell.level == round(abs(value) / 0.12 * 20)
            assert cell.negative == (value < 0 and cell.level > 0)


def test_cells_of_selected_pairs_are_marked():
    view = view_matrix(make_signed(pairs=((1, 1), (0, 3))))
    marked = {
        (i, j)
        for i, (_, cells) in enumerate(view.grid.rows)
        for j, c in enumerate(cells)
        if c.selected
    }
    assert marked == {(1, 1), (0, 3)}


def test_without_a_matrix_or_without_words_there_is_none():
    assert view_matrix(replace(make_signed(), pair_contributions=None)) is None
    empty = replace(make_signed(), pairs=(), matches=(), pair_contributions=())
    assert view_matrix(empty) is None
    assert view_matrix(replace(empty, pair_contributions=((), ()))) is None


def test_of_a_large_matrix_the_words_that_contribute_most_are_shown_and_it_says_so():
    explanation = make_large(90, 61)
    view = view_matrix(explanation)
    matrix = explanation.pair_contributions
    sums = []
    for i in range(90):
        total = 0.0
        for j in range(61):
            total += abs(matrix[i][j])
        sums.append((i in (0, 89), total, i))
    best = sorted(i for _, _, i in sorted(sums, reverse=True)[:WORDS_SHOWN])
    assert [name for name, _ in view.grid.rows] == [f"l{i}" for i in best]
    assert {"l0", "l89"} <= {name for name, _ in view.grid.rows}
    assert len(view.grid.columns) == WORDS_SHOWN
    assert view.size == "90 × 61"
    assert (
        "60 of 90 left words and 60 of 61 right words shown: those that contribute most."
        in view.caption
    )


def test_one_long_side_is_cut_alone():
    view = view_matrix(make_large(3, 70))
    assert len(view.grid.rows) == 3
    assert view.shown == "60 of 70 right words shown: those that contribute most."


def test_chosen_words_keep_their_order_and_the_wanted_come_first():
    numbers = random.Random(4)
    sizes = [numbers.random() for _ in range(30)]
    smallest = sizes.index(min(sizes))
    chosen = choose_words(sizes, {smallest}, limit=5)
    rest = sorted(range(30), key=lambda n: sizes[n])[-4:]
    assert chosen == sorted([smallest, *rest])
    assert choose_words([], set()) == []


@pytest.mark.parametrize(
    ("greatest", "power"),
    [
        (0.0, 0),
        (31.5, 0),
        (20.0, 0),
        (5.0, 2),
        (1.0, 2),
        (0.2, 2),
        (0.15, 3),
        (0.02, 3),
        (0.011, 4),
        (1e-30, 9),
    ],
)
def test_the_unit_makes_whole_numbers_of_values(greatest, power):
    assert unit_power(greatest) == power


def test_a_matrix_of_zeros_has_no_shade():
    explanation = replace(make_signed(pairs=()), pair_contributions=((0.0,) * 4,) * 4)
    view = view_matrix(explanation)
    assert {cell.level for _, cells in view.grid.rows for cell in cells} == {0}
    assert view.unit_note == ""


def test_values_that_sum_to_nothing_stated_are_said_to_be_on_their_own_scale():
    assert "adds to the similarity" in view_matrix(make_signed()).caption
    assert "own scale" in view_matrix(replace(make_signed(), remainder=None)).caption


def test_a_blank_cell_has_no_number_and_no_shade():
    cell = make_cell(None, "–")
    assert (cell.value, cell.level, cell.negative) == (None, 0, False)
    assert make_cell(0.5, "", of=0.0).level == 0
