"""Pairs from two columns of a table; a whole table, or one column, is told what to give."""

from types import SimpleNamespace

import numpy as np
import pytest

from raising import raises
from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.pair_columns import pairs_of

ROWS = [("warm gloves", "wool gloves"), ("a hat", "red wine"), ("warm gloves", "hat")]


def as_pandas(names, rows):
    return pytest.importorskip("pandas").DataFrame(rows, columns=names)


def as_pyarrow(names, rows):
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return pytest.importorskip("pyarrow").table(columns)


class Polars:
    """What polars has of a table, which is not installed here."""

    def __init__(self, names, rows):
        self.columns, self.rows = names, rows
        self.shape = len(rows), len(names)

    def __iter__(self):
        return (PolarsColumn([row[n] for row in self.rows]) for n in range(len(self.columns)))

    def to_series(self, place):
        return PolarsColumn([row[place] for row in self.rows])


class PolarsColumn:
    def __init__(self, values):
        self.values, self.shape = values, (len(values),)

    def __iter__(self):
        return iter(self.values)


TABLES = [as_pandas, as_pyarrow, Polars]


@pytest.mark.parametrize("table", TABLES)
def test_the_two_columns_of_a_table(table):
    assert [tuple(pair) for pair in pairs_of(table(["left", "right"], ROWS))] == ROWS


def test_two_columns_of_one_name():
    assert [tuple(pair) for pair in pairs_of(as_pandas(["text", "text"], ROWS))] == ROWS


@pytest.mark.parametrize("table", TABLES)
def test_a_whole_table_is_told_to_choose_two(table):
    rows = [(*row, 1.0) for row in ROWS]
    with raises(OptionError, "3 columns", "'left', 'right', 'score'", "zip(", "choose two"):
        pairs_of(table(["left", "right", "score"], rows))
    with raises(OptionError, "1 column ('left')"):
        pairs_of(table(["left"], [row[:1] for row in ROWS]))
    names = [f"c{n}" for n in range(40)]
    with raises(OptionError, "40 columns", "'c5', …"):
        pairs_of(table(names, [names]))


def test_one_column_is_told_that_there_are_two():
    columns = [
        as_pandas(["left"], [row[:1] for row in ROWS])["left"],
        as_pyarrow(["left"], [row[:1] for row in ROWS])["left"],
        PolarsColumn(["a b", "c"]),
        np.array(["ab", "cd"]),
    ]
    for column in columns:
        with raises(OptionError, "one column", type(column).__name__, "zip("):
            pairs_of(column)


def test_what_is_no_table_stays_what_it_is():
    for pairs in (ROWS, iter(ROWS), np.array(ROWS), [], np.array([], dtype=object)):
        assert pairs_of(pairs) is pairs
    for wrong in ("ab", b"ab", {"a": "b"}, 3, SimpleNamespace(shape=(2, 2))):
        with raises(OptionError, "iterable of pairs", type(wrong).__name__):
            pairs_of(wrong)


def test_an_explainer_takes_them():
    explainer = Explainer(tiny("bert").parts)
    expected = list(explainer.explain_many(ROWS))
    for table in (as_pandas, as_pyarrow):
        found = table(["left", "right"], ROWS)
        assert list(explainer.explain_many(found)) == expected
        columns = zip(found["left"], found["right"], strict=True)
        if table is as_pandas:
            assert list(explainer.explain_many(columns)) == expected
    with raises(OptionError, "whole DataFrame"):
        explainer.explain_many(as_pandas(["a", "b", "c"], [("a", "b", "c")]))
