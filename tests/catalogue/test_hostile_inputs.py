"""Small files that mean gigabytes are refused with the limit's name, and nothing takes for ever."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyalike.data.items import as_text
from whyalike.data.markup import strip_markup
from whyalike.evaluation.gold import is_place

SCRIPT = Path(__file__).parent / "hostile_inputs.py"
REFUSED = {
    "line.csv.gz": "line 2: the record that begins here has more than 8,388,608 characters",
    "line.jsonl.gz": "line 1: the line that begins here has more than 8,388,608 characters",
    "header.csv.gz": "line 1: the record that begins here has more than 8,388,608 characters",
    "quoted.csv.gz": "quoted.csv.gz unpacks to more than 67,108,864 bytes",
    "lines.csv.gz": "lines.csv.gz has more than 500,000 bad rows",
    "wide.csv": "wide.csv has 200,000 columns, and 4,096 at most are read",
    "same.csv": "same.csv has 200,001 columns, and 4,096 at most are read",
    "wide.jsonl": "wide.jsonl has 200,000 columns, and 4,096 at most are read",
    "wide.parquet": "wide.parquet has 5,000 columns, and 4,096 at most are read",
    "nested.jsonl": "Line 1: not JSON to be read: maximum recursion depth exceeded",
    "digits.jsonl": "Line 1: not JSON to be read: Exceeds the limit (4300 digits)",
    "odd.csv": "odd.csv holds no item",
    "dictionary.parquet": "its different values take 80,000,004 bytes; no more than 67,108,864",
    "page.parquet": "bytes unpack to 400,000,053; no more than 200 times as many",
    "lists.parquet": "1 rows hold 20,000,000 values; no more than 10,000 each",
    "vectors text": "unpacks to more than",
    "vectors binary": "unpacks to more than",
}
READ = {
    "late.jsonl": "21 kept, 99 bad",
    "large.jsonl": "1 kept, 0 bad",
    "exponent.jsonl": "1 kept, 0 bad",
    "unclosed.csv": "1 kept, 19999 bad",
    "dictionary of text.parquet": "600 kept, 0 bad",
    "middle.parquet": "100 kept, 0 bad",
    "vectors wide": "(8, 600000)",
    "markup of a file": "1",
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory and time as Linux does")
def test_what_a_file_may_mean_is_bounded(tmp_path):
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, reason in REFUSED.items():
        assert found[name].startswith("refused: "), (name, found[name])
        assert reason in found[name]
    for name, said in READ.items():
        assert found[name] == f"read: {said}", name
    markup = {name: said for name, said in found.items() if name.startswith("markup <")}
    assert len(markup) > 15
    assert set(markup.values()) == {"read: True"}
    assert not [said for said in found.values() if said.startswith("failed")]


class Slow(HTMLParser):
    """Python's own reader of HTML, for well-formed texts."""

    BLOCKS = ("p", "br", "div", "li")

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.seen = []
        self.hidden = False

    def handle_starttag(self, tag, attrs):
        self.hidden = tag in ("style", "script")
        self.seen += ["\n"] if tag in self.BLOCKS else []

    def handle_endtag(self, tag):
        self.hidden = False
        self.seen += ["\n"] if tag in self.BLOCKS else []

    def handle_data(self, data):
        self.seen += [] if self.hidden else [data.replace("\n", " ")]


PIECES = st.sampled_from(
    [
        "wool",
        " ",
        "\n",
        "a &lt; b &amp; c",
        "&eacute;t&#233;",
        "<br>",
        "<br/>",
        "<img alt=\"a > b\" src='x'>",
        "<!-- <p>never seen</p> -->",
        "<style>p > a {}</style>",
        "<script>if (a < b) { '<p>' }</script>",
    ]
)
TREES = st.recursive(
    PIECES,
    lambda inner: st.builds(
        lambda tag, parts, blank: (
            f'<{tag}{blank} class="a=b">{"".join(parts)}</{tag.upper()}{blank}>'
        ),
        st.sampled_from(["p", "div", "li", "b", "span", "a"]),
        st.lists(inner, max_size=4),
        st.sampled_from(["", " ", "\n"]),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(TREES, min_size=1, max_size=4))
def test_well_formed_markup_is_read_as_python_reads_it(parts):
    text = "".join(parts)
    slow = Slow()
    slow.feed(text)
    slow.close()
    lines = (" ".join(line.split()) for line in "".join(slow.seen).split("\n"))
    expected = "\n".join(line for line in lines if line)
    # All tags are taken out, also those that make no page of a text: "<b>".
    changes = "<" in text or "&" in text
    assert strip_markup(text) == (expected if changes else text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<b>a</b> < b <3 >", "a < b <3 >"),
        ("<b>a</b> <waterproof> </waterproof>", "a <waterproof>"),
        ("<p>a<p b", "a<p b"),
        ("<p>a<!-- never closed <b>c</b>", "a<!-- never closed c"),
        ("<p>a<script>b", "a"),
        ("<p>a<script/>b", "ab"),
        ('<p>a<a href="b>c</a>d', "acd"),
        ("<p>&#99999999;&#x11ffffff;&#65;" + "&#" + "9" * 5000 + ";", "��A�"),
        ("<?xml version='1.0'?><!DOCTYPE html><B>a</B>", "a"),
        ("<p title='a' b>c</p>", "c"),
    ],
)
def test_markup_that_is_none_stays(text, seen):
    assert strip_markup(text) == seen


def test_numbers_of_any_length_are_texts_or_refused():
    assert as_text(10**400, role="id") == "1" + "0" * 400
    assert as_text(12.0, role="id") == "12"
    assert is_place("3", 3)
    assert is_place("0003", 3)
    assert not is_place("4", 3)
    assert not is_place("9" * 5000, 3)
    assert not is_place("-1", 3)
