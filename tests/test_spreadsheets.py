"""Rows as CSV: a spreadsheet that opens them runs nothing."""

import csv
import io

import pytest

from whyalike.spreadsheets import harmless, in_csv

FORMULAS = [
    '=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\t=1", "\r=1",
    "\n=1", "＝1+1", "-", "+49 30 1", "-1;2", "-1e", "=1", "--1",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_text(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "cell", [-0.25, 3, None, True, "", "a=b", "'tis", " x", "-0.25", "+7", "-1.5e-07"]
)
def test_other_cells_stay_as_they_are(cell):
    assert harmless(cell) is cell


def test_cells_and_names_of_columns_are_written_so():
    rows = [{"=a": text, "b": -0.5} for text in FORMULAS]
    found = list(csv.reader(io.StringIO(in_csv(rows, ["b", "=a"]), newline="")))
    assert found[0] == ["b", "'=a"]
    assert found[1:] == [["-0.5", f"'{text}"] for text in FORMULAS]
