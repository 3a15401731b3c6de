"""A leaderboard written and read back is the same."""

import json
from dataclasses import replace

import pytest

from raising import raises
from whyalike.errors import FormatError
from whyalike.evaluation.leaderboard import Entry, Leaderboard, page_of, read_leaderboard
from whyalike.statistics import mean_interval

BOARD = Leaderboard(
    entries=(
        Entry(
            dataset="d",
            method="bti",
            metric="comprehensiveness",
            figure=mean_interval([0.1, 0.3]),
            values=(0.1, None, 0.3),
            constant=1,
            curve=((0.0, 1.0), (0.0, None)),
        ),
        Entry(
            dataset="g",
            method="bti",
            metric="alignment_f",
            figure=None,
            values=(None,),
            counts=((1.0,), (0.0,), (2.0,), (0.0,)),
            chance=0.125,
        ),
    ),
    model="m",
    pooling="paper",
    version="1",
    items={"d": 3, "g": 1},
    failures={"x": "why"},
    versions={"python": "3.11.2", "whyalike": "1", "torch": "2.0, 2.1"},
    digests={"d": "abc"},
)


def test_the_same_comes_back(tmp_path):
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps(BOARD.to_dict()))
    assert read_leaderboard(path) == BOARD


def test_a_file_from_before_versions_is_read(tmp_path):
    path = tmp_path / "leaderboard.json"
    content = BOARD.to_dict()
    del content["versions"], content["digests"]
    path.write_text(json.dumps(content))
    found = read_leaderboard(path)
    assert found == replace(BOARD, versions={}, digests={})
    assert "Packages" not in found.to_markdown()


def test_reports_say_what_made_them():
    said = BOARD.to_markdown(command="whyalike evaluate")
    assert "Packages: python 3.11.2, torch 2.0, 2.1.\nDigests of the pairs: d abc.\n" in said
    assert ("Packages", "python 3.11.2, torch 2.0, 2.1") in page_of(BOARD).facts


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "x"}, "leaderboard"),
        ({"version": 2}, "version 2 | newer"),
        ({"entries": [{}]}, "damaged"),
        ({"items": 3}, "damaged"),
    ],
)
def test_what_is_none_is_refused(tmp_path, change, says):
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps({**BOARD.to_dict(), **change}))
    with raises(FormatError, *says.split(" | ")):
        read_leaderboard(path)


def test_a_file_from_before_counts_curves_and_chance_is_read(tmp_path):
    content = BOARD.to_dict()
    for entry in content["entries"]:
        del entry["counts"], entry["curve"], entry["chance"]
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps(content))
    found = read_leaderboard(path)
    assert [one.values for one in found.entries] == [one.values for one in BOARD.entries]


def test_a_metric_of_another_release_is_left_out_and_named(tmp_path):
    content = BOARD.to_dict()
    content["entries"].append({**content["entries"][0], "metric": "new"})
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps(content))
    found = read_leaderboard(path)
    assert found.entries == BOARD.entries
    assert found.failures == {**BOARD.failures, "new": "a metric of another release"}


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FormatError, match="Could not read"):
        read_leaderboard(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(FormatError, match="Could not read"):
        read_leaderboard(tmp_path / "bad.json")
