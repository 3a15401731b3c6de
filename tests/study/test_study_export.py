"""Ratings come out as they went in, with the methods; and back in from the file."""

import csv
import io
import math
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from small_studies import METHODS, written_study

from raising import raises
from whyalike.errors import FormatError, MissingExtraError, OptionError, OutputError
from whyalike.study.design import plan
from whyalike.study.export import export_ratings, read_csv, to_csv, write_csv
from whyalike.study.model import Stimulus
from whyalike.study.ratings import COLUMNS, RatingTable, from_storage, table_of
from whyalike.study.storage import open_storage

BEGIN = datetime(2026, 5, 1, 12, tzinfo=UTC)
WORDS = ("=1+1", "'quoted", 'a, "b"\nand c', "  blanks ", "@x", "дa 👍🏽", "-", "")


def changed_place(study):
    """Where Anna changes her mind: at an item whose first answer is another one."""
    tasks = plan(study, 0)
    return next(t.position for t in tasks if t.kind == "item" and t.position % 5 == 1)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """A study, and what two raters said: Anna everything, the other three screens."""
    study = written_study(tmp_path_factory.mktemp("study"))
    storage = open_storage(study)
    anna, other = storage.add_rater("=Anna"), storage.add_rater()
    for task in plan(study, 0):
        n = task.position
        storage.record(
            anna.rater_id, n, task.stimulus_id, 1 + n % 5, client_key=f"{n}",
            comment=WORDS[n % len(WORDS)], shown_at=BEGIN,
            answered_at=BEGIN + timedelta(seconds=2.5 + n),
        )  # fmt: skip
    for task in plan(study, 1)[:3]:
        storage.record(
            other.rater_id, task.position, task.stimulus_id, 2, client_key=f"{task.position}"
        )
    place = changed_place(study)
    storage.record(anna.rater_id, place, plan(study, 0)[place].stimulus_id, 4, client_key="changed")
    yield study, storage
    storage.close()


def same(first, second):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_every_screen_is_told_with_what_stood_on_it(rated):
    study, storage = rated
    table = from_storage(study, storage)
    tasks = plan(study, 0)
    assert len(table) == len(tasks) + 3
    for row, task in enumerate(tasks):
        shown = study.shown(task.stimulus_id)
        n = task.position
        assert (table.rater[row], table.position[row], table.stimulus[row]) == (0, n, shown.id)
        assert table.kind[row] == task.kind
        assert table.value[row] == (4 if n == changed_place(study) else 1 + n % 5)
        assert table.repeat_of[row] == (-1 if task.repeat_of is None else task.repeat_of)
        if isinstance(shown, Stimulus):
            assert (table.sample[row], table.method[row]) == (shown.sample, shown.method)
            assert (table.low[row], table.high[row]) == (0, 0)
        else:
            assert (table.sample[row], table.method[row]) == (-1, "")
            assert (table.low[row], table.high[row]) == (shown.low, shown.high)
        if n == changed_place(study):
            assert math.isnan(table.seconds[row])
            assert (table.comment[row], table.answered_at[row]) == ("", "")
        else:
            assert table.seconds[row] == 2.5 + n
            assert table.comment[row] == WORDS[n % len(WORDS)]
            assert datetime.fromisoformat(table.answered_at[row]) == BEGIN + timedelta(
                seconds=2.5 + n
            )
    assert table.current.all()
    assert not table.has_simulated
    items = table.items
    assert set(items.kind) == {"item"}
    assert len(items.where(items.rater == 0)) == 12
    assert {(s, m) for s, m in zip(items.sample, items.method, strict=True)} == {
        (s, m) for s in range(4) for m in METHODS
    }


def test_with_history_a_changed_answer_is_there_and_is_not_an_item_twice(rated):
    study, storage = rated
    table = from_storage(study, storage, history=True)
    changed = table.where((table.rater == 0) & (table.position == changed_place(study)))
    assert changed.value.tolist() == [2, 4]
    assert changed.current.tolist() == [False, True]
    same(table.items, from_storage(study, storage).items)
    assert len(table) == len(from_storage(study, storage)) + 1


def test_ratings_of_another_study_are_not_taken_for_this_one(rated, tmp_path):
    _, storage = rated
    with pytest.raises(FormatError, match="another study"):
        from_storage(written_study(tmp_path, seed=4), storage)


def test_csv_comes_back_as_it_was(rated, tmp_path):
    study, storage = rated
    table = from_storage(study, storage, history=True)
    export_ratings(table, tmp_path / "ratings.csv")
    same(read_csv(tmp_path / "ratings.csv"), table)
    empty = table.where(np.zeros(len(table), dtype=bool))
    write_csv(empty, tmp_path / "empty.csv")
    assert len(read_csv(tmp_path / "empty.csv")) == 0


NASTY = (
    "one\rtwo", "\r", "a\r\nb\n", "=1\r+2", "\ttab, comma", '"', '""=1"', "'", "''=1", "-5", "+x",
    "\u2028 and \u2029", "\x85\x0b\x0c\x1c", "\0x", "|a|b|", "\U000f0000", "\u200f\u05d0 👍🏽", "＝1",
)  # fmt: skip


def commented(table):
    """Ratings with every comment and name that is hard to write."""
    table = table.where(np.arange(len(NASTY)))
    return replace(table, comment=np.array(NASTY), name=np.array(NASTY[::-1]))


def test_any_comment_and_name_come_back(rated, tmp_path):
    study, storage = rated
    table = commented(from_storage(study, storage))
    write_csv(table, tmp_path / "ratings.csv")
    same(read_csv(tmp_path / "ratings.csv"), table)


def test_a_file_of_an_earlier_release_comes_back_too(rated, tmp_path):
    """It ended its rows with a line feed alone, and no cell was quoted for its carriage return."""
    study, storage = rated
    table = commented(from_storage(study, storage))
    rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))
    old = io.StringIO()
    csv.writer(old, lineterminator="\n").writerows(rows)
    (tmp_path / "ratings.csv").write_text(old.getvalue(), encoding="utf-8", newline="")
    same(read_csv(tmp_path / "ratings.csv"), table)


def test_a_spreadsheet_finds_no_formula(rated, tmp_path):
    study, storage = rated
    write_csv(from_storage(study, storage), tmp_path / "ratings.csv")
    with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    texts = [row[name] for row in rows for name in ("name", "comment")]
    assert "'=1+1" in texts
    assert "''quoted" in texts
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in texts)
    # Numbers are not texts: -1 stays a number.
    assert {row["repeat_of"] for row in rows} >= {"-1"}


def test_parquet_holds_the_same_with_types(rated, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    study, storage = rated
    table = from_storage(study, storage, history=True)
    export_ratings(table, tmp_path / "ratings.parquet")
    read = pq.read_table(tmp_path / "ratings.parquet").to_pylist()
    assert [row["seconds"] is None for row in read] == np.isnan(table.seconds).tolist()
    for row in read:
        row["seconds"] = math.nan if row["seconds"] is None else row["seconds"]
        assert type(row["value"]) is int
        assert type(row["simulated"]) is bool
    same(table_of(read), table)


def test_damaged_files_are_told_by_the_rating(rated, tmp_path):
    study, storage = rated
    lines = to_csv(from_storage(study, storage)).split("\n")
    path = tmp_path / "ratings.csv"
    for damaged, says in (
        (lines[0].replace("value", "score"), "columns | value"),
        ("\n".join([lines[0], lines[1].replace("false", "no")]), "rating 1 | damaged"),
        ("\n".join([lines[0], lines[1], "1,2,3"]), "rating 2 | damaged"),
        ("\n".join([lines[0], '0,"never closed']), "Could not read"),
    ):
        path.write_text(damaged)
        with raises(FormatError, *says.split(" | ")):
            read_csv(path)
    with pytest.raises(FormatError, match="Could not read"):
        read_csv(tmp_path / "missing.csv")


def test_what_can_not_be_written_is_told(rated, tmp_path, monkeypatch):
    study, storage = rated
    table = from_storage(study, storage)
    with raises(OptionError, ".csv", ".parquet"):
        export_ratings(table, tmp_path / "ratings.xlsx")
    with pytest.raises(OutputError):
        export_ratings(table, tmp_path / "missing" / "ratings.csv")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="pyarrow"):
        export_ratings(table, tmp_path / "ratings.parquet")


def test_columns_of_unequal_length_are_refused(rated):
    study, storage = rated
    table = from_storage(study, storage)
    columns = {field.name: getattr(table, field.name) for field in fields(RatingTable)}
    with pytest.raises(FormatError, match="unequal"):
        RatingTable(**columns | {"value": table.value[:-1]})
