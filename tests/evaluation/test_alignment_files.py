"""Files of gold word alignment, written by hand in the published formats."""

import codecs
import gzip
import json
import os
from pathlib import Path

import pytest

from raising import raises
from whyalike.errors import FormatError
from whyalike.evaluation import read_ists
from whyalike.evaluation.dissimilar import read_marked
from whyalike.evaluation.gold import read_edinburgh, read_multimwa, read_xlwa


def row(left, right, sure, *more, name="0:0"):
    return "\t".join([name, left, "N/A", right, "N/A", "1", "1", sure, *more])


def test_multimwa(tmp_path):
    path = tmp_path / "some.tsv"
    lines = [
        row("warm gloves", "mittens that warm", "0-2", "1-0 0-2", " "),
        row("a b", "c", "", name="0:1"),
        row("x\u2028y z", "z", "2-0", "", ""),
    ]
    path.write_text("\r\n".join(lines) + "\r\n\n", encoding="utf-8", newline="")
    first, second, third = read_multimwa(path)
    assert (first.name, first.left, first.right) == ("0:0", "warm gloves", "mittens that warm")
    # A link that is sure is not possible besides.
    assert (first.sure, first.possible) == ({(0, 2)}, {(1, 0)})
    assert first.links == {(0, 2), (1, 0)}
    assert (second.sure, second.possible) == (frozenset(), frozenset())
    # A line separator of Unicode ends no line of the file, but does end a word.
    assert third.sure == {(2, 0)}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0\tonly\tthree", "line 2 | 3 columns"),
        (row("a b", "c", "0-0 1_0"), "line 2 | '1_0' | link"),
        (row("a b", "c", "-1-0"), "line 2 | '-1-0' | link"),
        (row("a b", "c", "0-1"), "line 2 | link '0-1' | 2 and 1"),
        (row("a b", "c", "9" * 5000 + "-0"), f"line 2 | link '{'9' * 40}' | 2 and 1"),
        (row("a b", "c", "0-0", "2-0"), "line 2 | link '2-0'"),
        (row(" ", "c", ""), "line 2 | a text is empty"),
        ("", "line 2 | 1 columns"),
    ],
)
def test_a_damaged_line_of_multimwa_is_left_out_and_named(tmp_path, line, problem):
    path = tmp_path / "some.tsv"
    path.write_text("\n".join([row("a", "b", "0-0"), line, row("c", "d", "0-0")]))
    with pytest.warns(UserWarning, match="1 damaged pair is left out of 3") as caught:
        found = read_multimwa(path)
    assert all(part in str(caught[0].message) for part in problem.split(" | "))
    assert [pair.left for pair in found] == ["a", "c"]
    with raises(FormatError, *problem.split(" | ")):
        read_multimwa(path, strict=True)


def test_a_warning_names_the_first_damaged_lines_and_counts_the_others(tmp_path):
    path = tmp_path / "some.tsv"
    path.write_text("\n".join([*["none"] * 7, row("a", "b", "0-0")]))
    with pytest.warns(UserWarning, match="7 damaged pairs are left out of 8") as caught:
        assert len(read_multimwa(path)) == 1
    said = str(caught[0].message)
    assert "line 5: " in said
    assert "line 6" not in said
    assert said.endswith("And 2 more.")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        read_multimwa(tmp_path / "none.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"caf\xe9")
    with raises(FormatError, "line 1", "UTF-8"):
        read_multimwa(tmp_path / "latin.tsv")


@pytest.mark.parametrize("read", [read_multimwa, read_xlwa, read_edinburgh, read_marked, read_ists])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        ("a\tb\t0-0".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"a\tb\t0-0")[:-9], "Could not read"),
        (gzip.compress(b""), "empty"),
    ],
    # Bytes would name the tests, and in a gzip file they are of the second in which it was made.
    ids=["nothing", "blank", "UTF-16", "cut short", "nothing, packed"],
)
def test_files_without_a_line_say_why(tmp_path, read, content, problem):
    path = tmp_path / "some.tsv"
    path.write_bytes(content)
    with raises(FormatError, str(path), problem):
        read(path)


@pytest.mark.parametrize(
    ("read", "line"),
    [(read_multimwa, row("a", "b", "0-0")), (read_xlwa, "a\tb\t0-0")],
)
@pytest.mark.parametrize("change", [gzip.compress, lambda content: codecs.BOM_UTF8 + content])
def test_packed_files_and_marked_ones_hold_the_same_pairs(tmp_path, read, line, change):
    path = tmp_path / "some.tsv"
    path.write_bytes(change(f"{line}\r\n{line}\r\n".encode()))
    pairs = read(path)
    assert [(pair.left, pair.right, pair.links) for pair in pairs] == [("a", "b", {(0, 0)})] * 2


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="Files of what is open are not there.")
def test_what_another_command_writes_is_read_once():
    """As a shell hands it on with ``<(zcat FILE)``."""
    reading, writing = os.pipe()
    os.write(writing, b"a\tb\t0-0\n")
    os.close(writing)
    try:
        (pair,) = read_xlwa(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert (pair.left, pair.right, pair.links) == ("a", "b", {(0, 0)})


def test_xlwa(tmp_path):
    path = tmp_path / "en-it.tsv"
    path.write_text("a cat\tun gatto\t0-0 1-1\r\nno\tnon così\t\n", encoding="utf-8", newline="")
    first, second = read_xlwa(path)
    assert (first.name, first.left, first.right) == ("1", "a cat", "un gatto")
    assert (first.sure, first.possible) == ({(0, 0), (1, 1)}, frozenset())
    assert (second.name, second.right, second.links) == ("2", "non così", frozenset())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a\tb", "line 2 | 2 columns"),
        ("a\tb\t0-0\t", "line 2 | 4 columns"),
        ("", "line 2 | 1 columns"),
        ("\tb\t", "line 2 | a text is empty"),
        ("a\tb\t0:0", "line 2 | '0:0' | no link"),
        ("a\tb\t0-1", "line 2 | link '0-1' | 1 and 1"),
    ],
)
def test_a_damaged_line_of_xlwa_is_left_out_and_the_rest_is_read(tmp_path, line, problem):
    path = tmp_path / "en-it.tsv"
    path.write_text("\n".join(["a\tb\t0-0", line, "c\td\t0-0"]))
    with pytest.warns(UserWarning, match="1 damaged pair is left out of 3") as caught:
        found = read_xlwa(path)
    assert all(part in str(caught[0].message) for part in problem.split(" | "))
    # Names are lines, so that they do not move when a line is mended.
    assert [(pair.name, pair.left) for pair in found] == [("1", "a"), ("3", "c")]
    with raises(FormatError, *problem.split(" | ")):
        read_xlwa(path, strict=True)


@pytest.mark.parametrize(
    ("read", "lines"),
    [
        (read_multimwa, [row("a", "b", "0-0"), row("caf\udce9", "b", "0-0"), row("c", "d", "0-0")]),
        (read_xlwa, ["a\tb\t0-0", "a\tcaf\udce9\t0-0", "c\td\t0-0"]),
        (
            read_edinburgh,
            [
                '[{"id": "1", "source": "a", "target": "b", "sureAlign": "0-0"},',
                '{"id": "2", "source": "caf\udce9", "target": "b", "sureAlign": "0-0"},',
                '{"id": "3", "source": "c", "target": "d", "sureAlign": "0-0"}]',
            ],
        ),
    ],
)
def test_bytes_that_are_not_utf8_cost_their_pair_alone(tmp_path, read, lines):
    path = tmp_path / "some.gold"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    with pytest.warns(UserWarning, match=r"1 damaged pair is left out of 3.* 2: it is not UTF-8"):
        assert [pair.left for pair in read(path)] == ["a", "c"]
    with raises(FormatError, "2: it is not UTF-8"):
        read(path, strict=True)


def entry(name, sure, possible="", left="warm gloves", right="mittens that warm"):
    return {
        "id": name,
        "source": left,
        "target": right,
        "sureAlign": sure,
        "possibleAlign": possible,
    }


def written(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_edinburgh_with_the_sure_links_of_another_file(tmp_path):
    both = written(tmp_path / "both.json", [entry("a", "0-2 1-0"), entry("b", "0-0")])
    sure = written(tmp_path / "sure.json", [entry("b", "0-0"), entry("a", "0-2")])
    first, second = read_edinburgh(both, sure=sure)
    assert (first.name, first.sure, first.possible) == ("a", {(0, 2)}, {(1, 0)})
    assert (second.sure, second.possible) == ({(0, 0)}, frozenset())
    alone = read_edinburgh(both)
    assert alone[0].sure == {(0, 2), (1, 0)}
    own = written(tmp_path / "own.json", [entry("a", "0-2", "1-0")])
    assert read_edinburgh(own)[0].possible == {(1, 0)}


def test_damaged_json_names_the_entry(tmp_path):
    path = tmp_path / "some.json"
    path.write_text('[\n{"source": }]')
    with raises(FormatError, "line 2", "JSON"):
        read_edinburgh(path)
    for content, problem in (
        ({}, "list"),
        ([], "list"),
        ([entry("a", "9-0")], "entry 1 | link '9-0'"),
    ):
        with raises(FormatError, *problem.split(" | ")):
            read_edinburgh(written(path, content))


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"source": "x"}, "entry 2 | 'source'"),
        (entry("b", "0-9"), "entry 2 | link '0-9'"),
        (entry("a", "0-0"), "id 'a'"),
    ],
)
def test_a_damaged_entry_is_left_out_and_named(tmp_path, second, problem):
    path = written(tmp_path / "some.json", [entry("a", "0-0"), second, entry("c", "0-1")])
    with pytest.warns(UserWarning, match="1 damaged pair is left out of 3") as caught:
        found = read_edinburgh(path)
    assert all(part in str(caught[0].message) for part in problem.split(" | "))
    assert [(pair.name, pair.sure) for pair in found] == [("a", {(0, 0)}), ("c", {(0, 1)})]
    with raises(FormatError, *problem.split(" | ")):
        read_edinburgh(path, strict=True)


def test_pairs_that_the_file_of_sure_links_lacks_are_left_out(tmp_path):
    both = written(tmp_path / "both.json", [entry("a", "0-0 1-1"), entry("b", "0-0")])
    sure = written(tmp_path / "sure.json", [entry("a", "0-0")])
    with pytest.warns(UserWarning, match="entry 2: .* has no pair 'b'"):
        (found,) = read_edinburgh(both, sure=sure)
    assert (found.sure, found.possible) == ({(0, 0)}, {(1, 1)})


def test_sure_links_of_other_pairs_are_refused(tmp_path):
    both = written(tmp_path / "both.json", [entry("a", "0-0")])
    for other in (entry("b", "0-0"), entry("a", "0-0", left="cold gloves")):
        sure = written(tmp_path / "sure.json", [other])
        with raises(FormatError, "entry 1", "'a'"):
            read_edinburgh(both, sure=sure)
