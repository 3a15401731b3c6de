"""Edit and see on the page of a comparison: both scores move as the model's own do."""

import html
import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import counted, make_app, open_explainer
from fastapi.testclient import TestClient
from pages import PART, Pages, axe_of
from serving_apps import serving

from whyalike import Explainer
from whyalike.web.api.served import RowChecks
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
ASKED = {"query": "warm hat for the ears", "first": "a zip of steel", "second": "a warm hat"}


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def score(query, text):
    return round(open_explainer().explain(query, text).similarity, 3)


def said_of(page):
    return html.unescape(re.search(r'data-said="([^"]*)"', page)[1]).replace("\u2212", "-")


def numbers(said):
    return [float(one) for one in re.findall(r"[-+]?\d+\.\d+", said)]


@pytest.mark.parametrize(
    ("edit", "replaced", "what", "texts"),
    [
        ("query.1", "", "“hat” deleted", {"query": "warm for the ears"}),
        ("first.1", "hat", "“zip” replaced by “hat”", {"first": "a hat of steel"}),
        # Text B is scored higher, and stands first in the answer.
        ("second.2", "", "“hat” deleted", {"second": "a warm"}),
    ],
)
def test_both_scores_are_those_of_the_edited_texts(client, edit, replaced, what, texts):
    page = client.post("/compare", data={**ASKED, "edit": edit, "with": replaced}, headers=PART)
    after = {**ASKED, **texts}
    said = said_of(page.text)
    assert said.startswith(f"{what}: Text A ")
    old = score(ASKED["query"], ASKED["first"]), score(ASKED["query"], ASKED["second"])
    new = score(after["query"], after["first"]), score(after["query"], after["second"])
    margins = old[0] - old[1], new[0] - new[1]
    expected = [
        one
        for first, second in (*zip(old, new, strict=True), margins)
        for one in (first, second, second - first)
    ]
    assert numbers(said.partition(": ")[2]) == pytest.approx(expected, abs=1e-9)
    # What is edited next begins with the edited texts, and undoing with those before.
    fields = [
        dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        for form in re.findall(r'<form[^>]*action="/compare".*?</form>', page.text, re.DOTALL)
    ]
    assert [{name: one[name] for name in ASKED} for one in fields][-2:] == [ASKED, after]
    assert "edit=" not in page.text


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("left.0", "such as 'query.0'"),
        ("first.9", "The first text has 4 words"),
        (["second.0", "second.1", "second.2"], "No word of the second text would be left"),
    ],
)
def test_what_can_t_be_edited_is_said(client, edit, says):
    answer = client.post("/compare", data={**ASKED, "edit": edit}, headers=PART)
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)


def test_rows_are_checked_of_what_is_shown_alone(monkeypatch):
    """What was is known already, and its words need not be deleted again."""
    service = Service({"letters": open_explainer()})
    client = TestClient(make_app(service), base_url=HOME)
    checked, submit = [], service.queue.submit

    def watch(piece, what, **settings):
        if isinstance(piece, RowChecks):
            checked.append((what.query.text, what.better_text.text, what.worse_text.text))
        return submit(piece, what, **settings)

    monkeypatch.setattr(service.queue, "submit", watch)
    monkeypatch.setattr(Explainer, "usual_rows", 2)
    client.post("/compare", data=ASKED)
    client.post("/compare", data={**ASKED, "edit": "first.1"})
    assert checked == [tuple(ASKED.values()), (ASKED["query"], "a of steel", ASKED["second"])]
    assert counted(service, "explanations_total") == 3, "text B is explained once"
    service.close()


@pytest.mark.parametrize("script", [True, False])
def test_a_word_is_chosen_from_the_list_and_the_edit_undone(browser, service, script):
    with serving(make_app(service)) as url, Pages(browser, url) as pages:
        link = "&".join(f"{name}={text}" for name, text in ASKED.items())
        page = pages.open(f"/compare?{link}", java_script_enabled=script, bypass_csp=True)
        page.get_by_text("Edit a word from a list").click()
        page.select_option("#edit-word", label="ears")
        page.fill("#edit-with", "head")
        page.get_by_role("button", name="Edit and see").click()
        page.get_by_text("“ears” replaced by “head”").first.wait_for()
        assert page.locator("#query").input_value() == "warm hat for the head"
        page.get_by_role("button", name="Undo").click()
        page.locator(".ex-tried").wait_for(state="detached")
        assert page.locator("#query").input_value() == ASKED["query"]


def test_every_try_is_kept_with_both_scores_and_opens_again(browser, service):
    def scores():
        return page.locator("#tries li b").all_inner_texts()

    def expected(**texts):
        now = {**ASKED, **texts}
        both = score(now["query"], now["first"]), score(now["query"], now["second"])
        return f"A {both[0]:.3f}, B {both[1]:.3f}", both[0] - both[1]

    with serving(make_app(service)) as url, Pages(browser, url) as pages:
        link = "&".join(f"{name}={text}" for name, text in ASKED.items())
        page = pages.open(f"/compare?{link}", width=360, color_scheme="dark", bypass_csp=True)
        # Text B is scored higher, and stands before text A in the answer.
        page.locator("#result [data-side=second] [data-word]", has_text="hat").click()
        page.get_by_role("button", name="Delete").click()
        page.get_by_text("“hat” deleted").first.wait_for()
        assert page.locator("#second").input_value() == "a warm"
        # By the keyboard one reaches the first word of a text, and all others from there.
        page.locator("#result [data-side=first] [data-word='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("F2")
        page.keyboard.type("hat")
        page.keyboard.press("Enter")
        page.locator("#tries li").nth(2).wait_for()
        tries = [
            expected(),
            expected(second="a warm"),
            expected(first="a hat of steel", second="a warm"),
        ]
        assert scores() == [said for said, _ in tries]
        changes = page.locator("#tries li i").all_inner_texts()
        moved = [float(one.replace("\u2212", "-")) for one in changes]
        assert moved == pytest.approx([one - tries[0][1] for _, one in tries[1:]], abs=1e-9)
        assert axe_of(page) == []
        page.locator("#tries li button", has_text="Beginning").click()
        page.wait_for_function(
            "text => document.querySelector('#second').value === text && !document.querySelector('#result').ariaBusy",
            arg=ASKED["second"],
        )
        assert page.locator("#first").input_value() == ASKED["first"]
        page.reload()
        page.locator("#tries li").nth(2).wait_for()
        # Those of a pair are others.
        pair = pages.open("/?left=a+hat&right=a+cap")
        assert not pair.locator("#tries").is_visible()
