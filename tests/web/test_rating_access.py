"""Who may ask the rating app for what: nobody gets at another's answers, or too much at once."""

import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'study'")

from fastapi.testclient import TestClient
from rating_studies import HOME, METHODS, answer, enter, fields_of, values

from whyalike.study import plan
from whyalike.web import Address, create_rating_app
from whyalike.web.middleware import RateLimiter
from whyalike.web.rating.session import Limits


@pytest.mark.parametrize(
    "change",
    [
        {"seal": "0" * 64},
        {"seal": ""},
        {"seal": "é"},
        {"shown": "2026-01-01T00:00:00+00:00"},
    ],
)
def test_a_form_that_is_not_ours_is_refused(client, storage, rater, change):
    page = enter(client, rater.token)
    refused = client.post("/rate/1", data={**fields_of(page), "value": 3, **change})
    assert refused.status_code in (403, 422)
    assert values(storage, rater) == []


def test_a_seal_is_good_for_one_screen_only(client, storage, rater):
    page = enter(client, rater.token)
    form = fields_of(page)
    client.post("/rate/1", data={**form, "value": 3})
    for number in (2, 3, 15, 16, 0):
        refused = client.post(f"/rate/{number}", data={**form, "value": 3})
        assert refused.status_code == 403
    assert values(storage, rater) == [(0, 3)]


def test_a_rater_can_neither_read_nor_write_anothers_answers(open_client, storage, rater):
    other = storage.add_rater("Ben")
    ann, ben = open_client(), open_client()
    of_ann = answer(ann, enter(ann, rater.token), 5, comment="mine alone")
    enter(ben, other.token)
    refused = ben.post("/rate/2", data={**fields_of(of_ann), "value": 1})
    assert refused.status_code == 403
    assert values(storage, other) == []
    assert values(storage, rater) == [(0, 5)]
    assert all("mine alone" not in ben.get(f"/rate/{n}").text for n in range(4))
    # The same browser, taken over by another rater while a page of the first is still open.
    ann.post("/enter", data={"token": other.token})
    assert ann.post("/rate/2", data={**fields_of(of_ann), "value": 1}).status_code == 403
    assert values(storage, other) == []


def test_forms_of_other_sites_are_refused(client, storage, rater):
    page = enter(client, rater.token)
    form = {**fields_of(page), "value": 3}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert client.post("/rate/1", data=form, headers=headers).status_code == 403
        assert (
            client.post("/enter", data={"token": rater.token}, headers=headers).status_code == 403
        )
    assert values(storage, rater) == []
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.post("/rate/1", data=form, headers=own).status_code == 200


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(client, study, storage, rater):
    page = client.post("/enter", data={"token": rater.token}, follow_redirects=False)
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie, "this machine is reached by http"
    address = Address(public_url="https://study.example.org")
    away = TestClient(
        create_rating_app(study, storage, address=address), base_url="https://study.example.org"
    )
    page = away.post("/enter", data={"token": rater.token}, follow_redirects=False)
    assert page.headers["set-cookie"].startswith("__Host-whyalike-rater-")
    assert "; Secure" in page.headers["set-cookie"]
    assert away.get("/").url.path == "/"


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 5000, "%00", "é", "a b"])
def test_an_unknown_invitation_opens_nothing(client, token):
    assert client.get(f"/r/{token}").status_code == 404
    assert client.post("/enter", data={"token": token}).status_code in (404, 422)
    assert not client.cookies


def test_an_unknown_cookie_is_told_so_and_not_led_elsewhere(client, storage, rater):
    page = enter(client, rater.token)
    client.cookies.clear()
    refused = client.post(
        "/rate/1", data={**fields_of(page), "value": 3}, headers={"accept": "application/json"}
    )
    assert refused.status_code == 403
    assert "out of date" in refused.json()["error"]


def test_who_asks_too_often_waits(study, storage, rater):
    now = [0.0]

    def limiter(burst):
        return RateLimiter(rate=1, burst=burst, clock=lambda: now[0])

    limits = Limits(raters=limiter(12), addresses=limiter(50), strangers=limiter(4))
    client = TestClient(create_rating_app(study, storage, limits=limits), base_url=HOME)
    codes = [client.get("/r/wrong").status_code for _ in range(6)]
    assert codes == [404] * 4 + [429] * 2
    page = enter(client, rater.token)
    while page.status_code == 200:
        page = client.get("/rate/1")
    assert page.status_code == 429
    assert page.headers["retry-after"] == "1"
    assert "Wait 1 s" in page.text
    now[0] += 1
    assert client.get("/rate/1", follow_redirects=False).status_code == 200
    while client.get("/").status_code == 200:
        now[0] += 0.001
    assert client.get("/assets/web.css").status_code == 200, "files cost nothing"


def test_the_admin_sees_progress_and_no_figures_until_asked(
    client, open_client, study, storage, rater
):
    page = answer(client, answer(client, enter(client, rater.token), 5), 4)
    storage.add_rater("<script>Ben</script>")
    token = storage.add_admin()
    admin = open_client()
    assert "Ann" not in admin.get("/admin").text
    assert admin.post("/admin/enter", data={"token": "wrong"}).status_code == 403
    assert admin.post("/admin/enter", data={"token": rater.token}).status_code == 403
    page = admin.post("/admin/enter", data={"token": f" {token}\n"})
    assert page.url.path == "/admin"
    assert "Ann" in page.text
    assert "<script>Ben" not in page.text
    assert '<th scope="row">0 <bdi>Ann</bdi>' in page.text, "numbered as in reports and exports"
    assert re.search(r"under way.*?>2 <progress", page.text, re.DOTALL)
    assert "invited" in page.text
    assert not any(method in page.text for method in METHODS)
    assert admin.post("/admin/means", data={"seal": "wrong"}).status_code == 403
    means = admin.post("/admin/means", data=fields_of(page))
    assert all(method in means.text for method in METHODS)
    task = plan(study, 0)[1]
    for method in METHODS:
        counts = task.kind == "item" and study.shown(task.stimulus_id).method == method
        figures = "<td>1</td><td>4.00</td>" if counts else "<td>0</td><td>–</td>"
        assert f"<bdi>{method}</bdi></th>{figures}" in means.text
    assert "Ann" not in client.get("/admin").text, "a rater is no admin"
    assert client.post("/admin/means", data=fields_of(page)).url.path == "/admin"


def test_simulated_raters_are_shown_as_such(open_client, storage):
    storage.add_rater("robot", simulated=True)
    admin = open_client()
    page = admin.post("/admin/enter", data={"token": storage.add_admin()})
    assert "SIMULATED RATINGS" in page.text
