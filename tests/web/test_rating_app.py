"""The way of a rater through the rating app, and what becomes of each answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'study'")

from fastapi.testclient import TestClient
from rating_studies import HOME, answer, enter, fields_of, values

from whyalike.errors import StorageError


def test_a_rater_goes_from_the_invitation_to_the_thanks(client, storage, rater, study):
    assert "Open your invitation link" in client.get("/").text
    page = client.get(f"/r/{rater.token}")
    assert page.status_code == 200
    assert not client.cookies, "following a link enters nothing"
    page = client.post("/enter", data={"token": rater.token})
    assert "Before you begin" in page.text
    assert study.question in page.text
    assert client.get("/rate/1").url.path == "/", "no screen before consent"
    page = client.post("/consent", data={**fields_of(page), "agree": "yes"})
    assert page.url.path == "/rate/1"
    assert "Practice 1 of 1" in page.text
    page = client.post("/rate/1", data={**fields_of(page), "value": 2})
    assert page.url.path == "/rate/1/answer"
    assert "We expected something else" in page.text
    page = client.get("/rate")
    given = {0: 2}
    for position in range(1, 15):
        assert page.url.path == f"/rate/{position + 1}"
        assert f"Pair {position} of 14" in page.text
        given[position] = 1 + position % 5
        page = answer(client, page, given[position])
    assert page.url.path == "/done"
    assert "Thank you" in page.text
    assert dict(values(storage, rater)) == given
    rows = storage.all_ratings()
    assert all(row.seconds >= 0 for row in rows)
    plan = [one.stimulus_id for one in rows]
    assert len(set(plan)) == 14, "12 items, of which one came twice, a check and a practice item"
    assert client.get("/").url.path == "/done"


def test_a_rater_goes_on_another_day_on_another_device(open_client, rater):
    first = open_client()
    page = answer(first, answer(first, enter(first, rater.token), 4), 5)
    assert page.url.path == "/rate/3"
    other = open_client()
    assert other.post("/enter", data={"token": rater.token}).url.path == "/rate/3"
    assert "13 screens are left" in first.get("/pause").text
    first.post("/leave", data=fields_of(first.get("/pause")))
    assert not first.cookies
    assert "Open your invitation link" in first.get("/").text


def test_the_last_answer_can_be_changed_and_the_first_is_kept_beside_it(client, storage, rater):
    page = answer(client, enter(client, rater.token), 5)
    assert 'id="back"' not in page.text, "the solution of practice has been shown"
    page = answer(client, page, 4, comment="  so <b>so</b>\r\nyes ")
    assert 'id="back" href="/rate/2"' in page.text
    again = client.get("/rate/2")
    assert "You answered this with 4" in again.text
    assert "so &lt;b&gt;so&lt;/b&gt;\nyes</textarea>" in again.text
    assert 'value="4" required checked' in again.text
    assert answer(client, again, 2, comment="no").url.path == "/rate/3"
    assert values(storage, rater) == [(0, 5), (1, 2)]
    assert values(storage, rater, history=True) == [(0, 5), (1, 4), (1, 2)]


@pytest.mark.parametrize("number", [0, -1, 1, 2, 4, 9, 16, 10**30])
def test_no_other_screen_can_be_opened(client, rater, number):
    page = answer(client, answer(client, answer(client, enter(client, rater.token), 5), 4), 3)
    assert page.url.path == "/rate/4"
    found = client.get(f"/rate/{number}")
    assert found.url.path == "/rate/4"
    assert client.get("/rate/3").url.path == "/rate/3", "only the last one"
    assert client.get("/done").url.path == "/rate/4"


def test_a_request_that_comes_twice_counts_once(client, storage, rater):
    page = enter(client, rater.token)
    form = {**fields_of(page), "value": 3}
    asks = {"accept": "application/json"}
    answers = [client.post("/rate/1", data=form, headers=asks) for _ in range(3)]
    assert {one.text for one in answers} == {'{"next":"/rate/1/answer"}'}
    assert values(storage, rater, history=True) == [(0, 3)]


def test_a_form_gone_back_to_without_scripts_changes_the_last_answer(client, storage, rater):
    form = fields_of(answer(client, enter(client, rater.token), 5))
    for value in (3, 4):
        assert client.post("/rate/2", data={**form, "value": value}).url.path == "/rate/3"
    assert values(storage, rater, history=True) == [(0, 5), (1, 3), (1, 4)]
    # The first answer once more, byte for byte: a request that was on its way for long, or a rater
    # who wants it back. Neither is guessed.
    refused = client.post("/rate/2", data={**form, "value": 3})
    assert refused.status_code == 409
    assert "nothing was changed" in refused.text
    assert values(storage, rater) == [(0, 5), (1, 4)]
    assert answer(client, client.get("/rate/2"), 3).url.path == "/rate/3"
    assert values(storage, rater) == [(0, 5), (1, 3)]


def test_practice_is_not_changed_once_its_solution_was_shown(client, storage, rater):
    form = fields_of(enter(client, rater.token))
    asks = {"accept": "application/json"}
    assert client.post("/rate/1", data={**form, "value": 1}).url.path == "/rate/1/answer"
    for other in (
        {"value": 5},
        {"value": 1, "comment": "now"},
        {"value": 1, "client_key": "k" * 16},
    ):
        refused = client.post("/rate/1", data={**form, **other}, headers=asks)
        assert refused.status_code == 409
        assert "practice never" in refused.json()["error"]
    assert values(storage, rater, history=True) == [(0, 1)]


def test_of_two_tabs_the_later_holds_at_the_last_screen_alone(client, storage, rater):
    page = answer(client, enter(client, rater.token), 5)
    other_tab = client.get("/rate/2")
    page = answer(client, page, 1)
    assert answer(client, other_tab, 4).url.path == "/rate/3"
    assert values(storage, rater) == [(0, 5), (1, 4)]
    answer(client, page, 2)
    refused = client.post("/rate/2", data={**fields_of(other_tab), "value": 5})
    assert refused.status_code == 409
    assert values(storage, rater) == [(0, 5), (1, 4), (2, 2)]
    assert values(storage, rater, history=True) == [(0, 5), (1, 1), (1, 4), (2, 2)]


def test_of_answers_to_two_screens_at_one_moment_none_is_changed_too_late(
    client, storage, rater, study
):
    """Whichever comes first: no answer is changed once the next screen has one."""
    page = answer(client, enter(client, rater.token), 5)
    changed, name = {**fields_of(page), "value": 4}, next(iter(client.cookies))
    following = {**fields_of(answer(client, page, 1)), "value": 2}
    headers = {"cookie": f"{name}={client.cookies.get(name)}"}

    def send(asked):
        number, form = asked
        other = TestClient(client.app, base_url=HOME)
        return other.post(f"/rate/{number}", data=form, headers=headers).status_code

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(send, [(2, changed), (3, following)] * 8))
    assert set(codes) <= {200, 409}
    rows = sorted(storage.all_ratings(history=True), key=lambda row: row.id)
    assert [row.position for row in rows] in ([0, 1, 1, 2], [0, 1, 2])


def test_clicks_at_the_same_moment_count_once(client, storage, rater):
    form = {**fields_of(enter(client, rater.token)), "value": 3}
    token = client.cookies.get(next(iter(client.cookies)))

    def click(_):
        headers = {"cookie": f"{name}={token}"}
        return TestClient(client.app, base_url=HOME).post("/rate/1", data=form, headers=headers)

    name = next(iter(client.cookies))
    with ThreadPoolExecutor(8) as threads:
        assert {page.status_code for page in threads.map(click, range(8))} == {200}
    assert values(storage, rater, history=True) == [(0, 3)]


@pytest.mark.parametrize(
    "change",
    [
        {"value": 0}, {"value": 6}, {"value": "3.5"}, {"value": ""}, {"value": "<b>"},
        {"client_key": ""}, {"client_key": "k" * 65}, {"comment": "c" * 2001}, {"comment": "c" * 9000},
        {"seal": "s" * 101},
    ],
)  # fmt: skip
def test_a_form_that_can_not_be_taken_stores_nothing(client, storage, rater, change):
    page = enter(client, rater.token)
    refused = client.post("/rate/1", data={**fields_of(page), "value": 3, **change})
    assert refused.status_code == 422
    assert "<b>" not in refused.text
    assert values(storage, rater) == []


def test_a_comment_of_the_longest_allowed_length_is_kept(client, storage, rater):
    # Browsers send each line break as two characters, and count it as one.
    said = "é\n" * 999 + "\0x"
    page = enter(client, rater.token)
    answer(client, page, 3, comment=said.replace("\n", "\r\n"))
    assert storage.all_ratings()[0].comment == said.replace("\0", "\N{REPLACEMENT CHARACTER}")


def test_what_could_not_be_stored_is_not_confirmed(client, storage, rater, monkeypatch):
    page = enter(client, rater.token)
    form = {**fields_of(page), "value": 3}

    def fail(*args, **options):
        raise StorageError("The database secret.db could not be written: disk full.")

    asks = {"accept": "application/json"}
    with monkeypatch.context() as broken:
        broken.setattr(storage, "record", fail)
        refused = client.post("/rate/1", data=form, headers=asks)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "secret" not in refused.text
        assert "could not be stored" in client.post("/rate/1", data=form).text
    assert values(storage, rater) == []
    assert client.post("/rate/1", data=form, headers=asks).json() == {"next": "/rate/1/answer"}
    assert values(storage, rater, history=True) == [(0, 3)]
