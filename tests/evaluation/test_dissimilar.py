"""The span metric by its definition, on cases with known answers, and damaged files."""

import pytest

from whyalike.errors import FormatError
from whyalike.evaluation.dissimilar import measure_spans, read_marked, score_spans

TEXT = "the old red car didn't stop"


def span(words):
    start = TEXT.index(words)
    return start, start + len(words)


@pytest.mark.parametrize(
    ("gold", "found", "expected"),
    [
        ([], [], 1.0),
        (["car"], [], 0.0),
        ([], ["car"], 0.0),
        (["car"], ["car"], 1.0),
        # Precision 1/2, recall 1.
        (["car"], ["red car"], 2 / 3),
        # Precision 1, recall 1/3.
        (["old red car"], ["old"], 1 / 2),
        # One of two found; the other is aligned with none.
        (["old", "stop"], ["stop"], 1 / 2),
        # Each with the nearer one, whatever the order.
        (["old", "stop"], ["stop", "old"], 1.0),
        # "didn't" is two words: did, n't.
        (["didn't"], ["car didn't"], 2 * (2 / 3) / (2 / 3 + 1)),
    ],
)
def test_scores_by_hand(gold, found, expected):
    score = score_spans(TEXT, [span(words) for words in gold], [span(words) for words in found])
    assert score == pytest.approx(expected)


def test_means_are_over_sentences_of_both_kinds(tmp_path):
    path = tmp_path / "marked.tsv"
    path.write_text(
        "premise\thypothesis\tspan_similarity\n"
        "It is {{warm}}.\tIt is {{cold}}.\t0\n"
        "It is {{big}} {{here}}.\tIt is {{large}} {{there}}.\t1,0\n"
        "It {{ends}}.\tIt {{stops}}.\t1\n",
        encoding="utf-8",
    )
    pairs, skipped = read_marked(path)
    assert not skipped
    assert [pair.left for pair in pairs] == ["It is warm.", "It is big here.", "It ends."]
    assert pairs[1].left_spans == ((10, 14),)
    nothing = measure_spans(pairs, lambda *_: ([], []))
    assert nothing == (pytest.approx(2 / 6), 1.0, 0.0)


def test_damaged_lines_are_left_out_and_said(tmp_path):
    path = tmp_path / "marked.tsv"
    path.write_text(
        "premise\thypothesis\tspan_similarity\n"
        "one column\n"
        "It is {{warm}}.\tIt is cold.\t0\n"
        "It is {{warm}}.\tIt is {{cold}}.\tmaybe\n"
        "It is {{warm}}.\tIt is {{cold}}.\t0\n",
        encoding="utf-8",
    )
    pairs, skipped = read_marked(path)
    assert len(pairs) == 1
    assert [line.split(":")[0] for line in skipped] == ["line 2", "line 3", "line 4"]


def test_a_line_with_odd_bytes_costs_no_other(tmp_path):
    path = tmp_path / "marked.tsv"
    lines = [
        b"premise\thypothesis\tspan_similarity",
        b"It is {{caf\xe9}}.\tIt is {{cold}}.\t0",
        "A line\u2028separator: {{warm}}.\tIt is {{cold}}.\t 0 ".encode(),
        b"\tIt is cold.\t0",
        b"It is {{warm}}.\tIt is {{cold}}.\t0",
    ]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n")
    pairs, skipped = read_marked(path)
    assert [pair.left for pair in pairs] == ["A line\u2028separator: warm.", "It is warm."]
    assert [line.split(":")[0] for line in skipped] == ["line 2", "line 4"]
    assert "UTF-8" in skipped[0]


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.tsv"
    path.write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(FormatError, match="premise"):
        read_marked(path)


@pytest.mark.parametrize(
    ("lines", "problem"), [("", "below its head"), ("one column\n", "line 2: 1 columns")]
)
def test_a_file_without_a_whole_pair_is_refused(tmp_path, lines, problem):
    path = tmp_path / "some.tsv"
    path.write_text(f"premise\thypothesis\tspan_similarity\n{lines}", encoding="utf-8")
    with pytest.raises(FormatError, match=problem):
        read_marked(path)
