"""Rows of Markdown tables, read back by a parser of Markdown that is not ours."""

from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from whyalike.render.markdown import escape
from whyalike.render.markdown_table import write_row

NASTY = ("a|b", "||", "one\rtwo", "one\r\n\ntwo", "\u2028x\u2029y", "=1", '"q"', "a\\\\b", "")


def cells_of(row):
    text = "\n".join([write_row("xyz"), "|---|---|---|", row, "| end | - | - |"])
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    cells = [after for before, after in pairwise(tokens) if before.type == "td_open"]
    assert len(cells) == 6
    assert cells[3].content == "end"
    return ["".join(child.content for child in cell.children) for cell in cells[:3]]


@pytest.mark.parametrize("cell", NASTY)
def test_a_cell_stays_one_cell_of_one_row(cell):
    said = " ".join(cell.split())
    assert cells_of(write_row(["before", escape(cell), "after"])) == ["before", said, "after"]


@pytest.mark.parametrize("name", ["a|b", "one\ntwo|"])
def test_a_name_that_nobody_escaped_does_too(name):
    assert cells_of(write_row([name, "-", "-"])) == [" ".join(name.split()), "-", "-"]
