"""Ratings are kept: once each, for good, in order, on both kinds of database."""

import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from small_studies import bare_study, written_study
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from raising import raises
from whyalike.errors import FormatError, MissingExtraError, OptionError, StorageError
from whyalike.study.engine import Answer, url_of
from whyalike.study.storage import Storage, open_storage


@pytest.fixture
def storage(database):
    storage = Storage.open(database)
    yield storage
    storage.close()


@contextmanager
def raw(database):
    """Another way into the same database, for what no storage would do."""
    engine = create_engine(url_of(database))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def test_an_answer_comes_back_as_it_was_given(storage, database):
    shown = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
    later = (shown + timedelta(seconds=7, microseconds=5)).astimezone(timezone(timedelta(hours=3)))
    anna, ben = storage.add_rater("Anna"), storage.add_rater()
    before = datetime.now(UTC)
    receipt = storage.record(
        anna.rater_id, 4, "abc", 5, client_key="k", comment="sehr gut; дa 👍🏽\n", shown_at=shown,
        answered_at=later,
    )  # fmt: skip
    assert (receipt.position, receipt.value, receipt.replayed) == (4, 5, False)
    assert before <= receipt.received_at <= datetime.now(UTC)
    again = Storage.open(database)
    (row,) = again.all_ratings()
    assert again.answers(anna.rater_id) == {4: row}
    assert again.answers(ben.rater_id) == {}
    assert (row.stimulus_id, row.value, row.comment) == ("abc", 5, "sehr gut; дa 👍🏽\n")
    assert (row.rater_number, row.rater_name, row.simulated) == (0, "Anna", False)
    assert (row.shown_at, row.answered_at, row.seconds) == (shown, later, 7.000005)
    assert row.received_at == receipt.received_at
    assert row.current
    again.close()


def test_a_changed_answer_is_a_further_row_and_the_last_one_holds(storage):
    rater = storage.add_rater().rater_id
    for n, value in enumerate((2, 5, 3)):
        storage.record(rater, 7, "abc", value, client_key=f"k{n}")
    storage.record(rater, 8, "abd", 1, client_key="other")
    assert {place: row.value for place, row in storage.answers(rater).items()} == {7: 3, 8: 1}
    assert [(row.value, row.current) for row in storage.all_ratings(history=True)] == [
        (2, False), (5, False), (3, True), (1, True),
    ]  # fmt: skip
    assert [row.value for row in storage.all_ratings()] == [3, 1]


def test_what_is_sent_twice_is_kept_once_and_has_one_receipt(storage):
    anna, ben = storage.add_rater().rater_id, storage.add_rater().rater_id
    first = storage.record(anna, 0, "abc", 4, client_key="k", comment="x\0\ud800")
    second = storage.record(anna, 0, "abc", 4, client_key="k", comment="x\0\ud800")
    assert not first.replayed
    assert second.replayed
    assert (second.rating_id, second.received_at) == (first.rating_id, first.received_at)
    assert storage.all_ratings()[0].comment == "x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    for change in ({"value": 3}, {"position": 1}, {"stimulus_id": "abd"}, {"comment": "y"}):
        answer = {"position": 0, "stimulus_id": "abc", "value": 4, "comment": "x\0\ud800"} | change
        with pytest.raises(OptionError, match="used for another answer"):
            storage.record(anna, client_key="k", **answer)
    # A key is a rater's own: nobody can occupy another's.
    assert not storage.record(ben, 0, "abc", 4, client_key="k").replayed
    assert len(storage.all_ratings(history=True)) == 2


def test_several_answers_are_kept_all_or_none(storage):
    rater = storage.add_rater().rater_id
    good = [
        Answer(position=n, stimulus_id="abc", value=1 + n % 5, client_key=f"k{n}") for n in range(9)
    ]
    bad = Answer(position=9, stimulus_id="other", value=1, client_key="k0")
    with pytest.raises(OptionError, match="used for another"):
        storage.record_many(rater, [*good, bad])
    assert storage.all_ratings() == []
    assert len(storage.record_many(rater, good)) == 9
    assert [row.value for row in storage.all_ratings()] == [1 + n % 5 for n in range(9)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 0}, {"value": 6}, {"value": True}, {"value": 3.0}, {"value": "3"},
        {"position": -1}, {"position": 10**7}, {"client_key": ""}, {"client_key": "k" * 101},
        {"client_key": "a\nb"}, {"client_key": None}, {"stimulus_id": ""}, {"comment": "x" * 2001},
        {"comment": None}, {"shown_at": datetime(2026, 1, 1)}, {"rater_id": 99},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(tmp_path, wrong):
    storage = Storage.open(tmp_path)
    rater = storage.add_rater().rater_id
    good = {
        "rater_id": rater, "position": 0, "stimulus_id": "a", "value": 3, "client_key": "k"
    }  # fmt: skip
    with pytest.raises(OptionError):
        storage.record(**good | wrong)
    assert storage.all_ratings() == []
    storage.record(**good)
    storage.close()


def test_tokens_open_only_their_own_door_and_are_not_kept(storage, database, tmp_path):
    anna, ben = storage.add_rater("Anna"), storage.add_rater("Ben")
    admin = storage.add_admin()
    tokens = {anna.token, ben.token, admin}
    assert len(tokens) == 3
    assert all(len(token) == 43 for token in tokens)
    assert storage.rater_by_token(anna.token).name == "Anna"
    assert storage.rater_by_token(ben.token).name == "Ben"
    assert storage.is_admin(admin)
    for wrong in ("", admin, anna.token[:-1], anna.token + "x", "\ud800", "' OR 1=1 --"):
        assert storage.rater_by_token(wrong) is None
    for wrong in ("", anna.token, admin.swapcase()):
        assert not storage.is_admin(wrong)
    with raw(database) as connection:
        kept = str(connection.execute(text("SELECT * FROM whyalike_raters")).all())
        kept += str(connection.execute(text("SELECT * FROM whyalike_admins")).all())
    assert "Anna" in kept
    assert not any(token in kept for token in tokens)


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_and_real_raters_never_share_a_database(storage, simulated):
    first = storage.add_rater(simulated=simulated)
    assert storage.rater_by_token(first.token).simulated == simulated
    with pytest.raises(OptionError, match="another --database"):
        storage.add_rater(simulated=not simulated)
    assert storage.add_rater(simulated=simulated).number == 1


def test_consent_is_said_once(storage):
    rater = storage.add_rater()
    assert storage.rater_by_token(rater.token).consented_at is None
    first = storage.consent(rater.rater_id)
    assert storage.consent(rater.rater_id) == first
    assert storage.rater_by_token(rater.token).consented_at == first
    with pytest.raises(OptionError, match="no rater"):
        storage.consent(99)


def test_progress_counts_positions_and_not_rows(storage):
    anna, ben = storage.add_rater("Anna"), storage.add_rater("Ben")
    assert [(p.answered, p.last_at) for p in storage.progress()] == [(0, None), (0, None)]
    storage.record(anna.rater_id, 0, "a", 1, client_key="1")
    storage.record(anna.rater_id, 0, "a", 2, client_key="2")
    last = storage.record(anna.rater_id, 1, "b", 2, client_key="3")
    said = storage.progress()
    assert [(p.rater.name, p.rater.number, p.answered) for p in said] == [
        ("Anna", 0, 2), ("Ben", 1, 0)
    ]  # fmt: skip
    assert said[0].last_at == last.received_at
    assert ben.number == 1


def test_the_database_itself_lets_no_rating_be_changed_or_removed(storage, database):
    rater = storage.add_rater().rater_id
    storage.record(rater, 0, "a", 1, client_key="1")
    for statement in ("UPDATE whyalike_ratings SET value = 5", "DELETE FROM whyalike_ratings"):
        with (
            pytest.raises(SQLAlchemyError, match="only ever added"),
            raw(database) as connection,
        ):
            connection.execute(text(statement))
    for value in (0, 6):
        with pytest.raises(SQLAlchemyError), raw(database) as connection:
            connection.execute(
                text(
                    "INSERT INTO whyalike_ratings (rater_id, position, stimulus_id, value, comment,"
                    f" client_key, received_at) VALUES ({rater}, 0, 'a', {value}, '', 'x',"
                    " '2026-01-01 00:00:00')"
                )
            )
    assert [row.value for row in storage.all_ratings(history=True)] == [1]


def test_a_database_belongs_to_one_study(database):
    study, other = bare_study(), bare_study(seed=4)
    open_storage(study, database=database).close()
    # Nobody was invited yet.
    open_storage(other, database=database).close()
    storage = open_storage(study, database=database)
    storage.add_rater()
    storage.close()
    with pytest.raises(OptionError, match="another study"):
        open_storage(other, database=database)
    open_storage(study, database=database).close()


def test_an_existing_database_is_read_as_it_is(database):
    study = bare_study()
    with raises(OptionError, "database"):
        open_storage(study, database=database, existing=True)
    Storage.open(database).close()
    storage = open_storage(study, database=database, existing=True)
    with storage._database.reading() as connection:
        assert not storage._do.study_digest(connection)
    storage.bind(study)
    storage.add_rater()
    storage.close()
    again = open_storage(study, database=database, existing=True)
    assert len(again.raters()) == 1
    again.close()
    with pytest.raises(OptionError, match="another study"):
        open_storage(bare_study(seed=4), database=database, existing=True)


def test_without_a_url_the_database_lies_in_the_folder_and_syncs_every_commit(tmp_path):
    study = written_study(tmp_path / "study")
    storage = open_storage(study)
    assert (tmp_path / "study" / "study.db").exists()
    with storage._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    storage.close()


def test_postgresql_syncs_every_commit_whatever_the_server_says(postgresql):
    storage = Storage.open(postgresql)
    with storage._database.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    storage.close()


def test_a_database_of_another_version_is_refused(storage, database):
    with raw(database) as connection:
        connection.execute(text("UPDATE whyalike_study SET version = 99"))
    with pytest.raises(FormatError, match="version 99"):
        Storage.open(database)


def test_what_is_no_database_is_told_without_its_password(tmp_path):
    with pytest.raises(StorageError, match="not stored") as told:
        Storage.open("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)
    with pytest.raises(StorageError):
        Storage.open(tmp_path / "missing")
    (tmp_path / "study.db").write_bytes(b"no database at all, but long enough" * 50)
    with pytest.raises(StorageError):
        Storage.open(tmp_path)
    for wrong in ("mysql://me@host/name", "://", "oracle://x"):
        with pytest.raises(OptionError):
            Storage.open(wrong)


def test_without_sqlalchemy_the_extra_is_named(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("sqlalchemy")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("engine", "statements", "tables"):
        monkeypatch.delitem(sys.modules, f"whyalike.study.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match=r"whyalike\[study\]"):
        Storage.open(tmp_path)
