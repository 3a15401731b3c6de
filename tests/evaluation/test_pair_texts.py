"""The texts of a run's pairs, written beside its leaderboard and read back."""

import json
from pathlib import Path

import pytest
from test_suite import ALIGNED, DATA, PAIRS

from raising import raises
from whyalike.errors import FormatError, OutputError
from whyalike.evaluation import read_pair_texts, write_pair_texts
from whyalike.evaluation.results import file_of_pairs, remove_pair_texts


def test_the_same_texts_come_back_by_dataset(tmp_path):
    written = write_pair_texts(DATA.texts(), tmp_path)
    assert [path.name for path in written] == ["pairs.shop.json", "pairs.gold.json"]
    assert read_pair_texts(tmp_path, "shop") == tuple(PAIRS)
    assert read_pair_texts(tmp_path, "gold") == tuple((one.left, one.right) for one in ALIGNED)
    assert read_pair_texts(tmp_path, "other") is None
    content = json.loads((tmp_path / "pairs.shop.json").read_text(encoding="utf-8"))
    assert (content["format"], content["version"]) == ("whyalike/pairs", 1)
    assert content["dataset"] == "shop"


def test_any_text_of_any_dataset_can_be_kept(tmp_path):
    names = ["a b", "a-b", "a/b", "../up", "größe", "x" * 300, "x" * 299, "CON \0"]
    texts = {
        name: [(f"{number} \u202e<b>", "line\r\n\u2028\N{WINE GLASS}"), ("", "\ud800")]
        for number, name in enumerate(names)
    }
    written = write_pair_texts(texts, tmp_path)
    assert len({path.name for path in written}) == len(names)
    assert all(path.parent == tmp_path and len(path.name) < 120 for path in written)
    for name, pairs in texts.items():
        assert read_pair_texts(tmp_path, name) == (pairs[0], ("", "\ufffd"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "whyalike/leaderboard"}, "list of texts"),
        ({"version": 2}, "version 2 | version 1 | newer"),
        ({"dataset": "other"}, "dataset | 'other' | 'shop'"),
        ({"pairs": None}, "damaged"),
        ({"pairs": [["a", "b"]]}, "damaged"),
        ({"pairs": [{"left": "a"}]}, "damaged"),
        ({"pairs": [{"left": "a", "right": 3}]}, "damaged"),
    ],
)
def test_what_is_none_is_refused(tmp_path, change, says):
    (path,) = write_pair_texts({"shop": PAIRS}, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}))
    with raises(FormatError, *says.split(" | ")):
        read_pair_texts(tmp_path, "shop")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_file_that_is_no_json_is_refused(tmp_path, content):
    (tmp_path / file_of_pairs("shop")).write_bytes(content)
    with pytest.raises(FormatError, match="texts"):
        read_pair_texts(tmp_path, "shop")


def test_texts_of_every_dataset_are_removed_and_nothing_else(tmp_path, monkeypatch):
    write_pair_texts({"shop": PAIRS, "wine": PAIRS, "été": PAIRS}, tmp_path)
    (tmp_path / file_of_pairs("shop")).write_text('{"format": "whyalike/pairs", "pai', "utf-8")
    others = {"pairs.own.json": b'{"pairs": []}', "pairs.x.json": b"\xff", "leaderboard.md": b""}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    remove_pair_texts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(others)
    write_pair_texts({"shop": PAIRS}, tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="Could not remove"):
        remove_pair_texts(tmp_path)
