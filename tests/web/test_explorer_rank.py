"""Passages ranked, and reports opened, as pages."""

import ast
import csv
import html
import io
import json
import re
import shlex

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, open_explainer
from fastapi.testclient import TestClient
from pages import PART, Pages, axe_of
from serving_apps import serving

from whyalike.ranking import Ranking
from whyalike.reports.diagnosis import (
    AddingWord,
    CauseTest,
    Diagnosis,
    Miss,
    PlacedItem,
    QueryWord,
    Remedy,
)
from whyalike.web.api.service import Service
from whyalike.web.explorer.rank import split_passages

QUERY = "warm gloves for winter"
PASSAGES = [
    "Boots of leather.",
    "Gloves that are warm\nin winter.",
    "A zip",
    "<b>gloves</b> for work",
]
BOX = "\r\n\r\n".join(one.replace("\n", "\r\n") for one in PASSAGES)


def make_report():
    item = PlacedItem(
        "a1", "Refunds", "Money is given back.", 0.5, 12, 20, (AddingWord("Money", 0, 5, 0.1),)
    )
    rival = PlacedItem("a2", "<i>Shops</i>", "Our shops are open.", 0.7, 1, 19)
    miss = Miss(
        "q1", "how do I get <b>money</b> back", ("a1",), item, rival, 0.6, 0.01, "vocabulary",
        (CauseTest("vocabulary", True, 3, 0.62, 0.6, words=("get",)),),
        (QueryWord("get", 0.1, 0.2, 3),),
    )  # fmt: skip
    return Diagnosis(
        model="tiny", similarity_function="cosine", k=10, items=100, found=("q2",), misses=(miss,),
        measures={"Recall@10": 0.5},
        remedies=(Remedy("BM25 beside it", "hybrid", ("q1",), (), {"Recall@10": 1.0}),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def service():
    reports = {"report.json": make_report()}
    made = Service({"letters": open_explainer()}, reports=reports)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url="http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    with Pages(browser, url) as pages:
        yield pages.open


@pytest.mark.parametrize(
    ("said", "passages"),
    [
        (BOX, PASSAGES),
        ("a\nb\n\n \n c \n", ["a\nb", "c"]),
        ("one\ntwo\n\u2003\nthree", ["one\ntwo", "three"]),
        ("one\r\ntwo\r\nthree", ["one", "two", "three"]),
        ("  \n ", []),
    ],
)
def test_passages_are_paragraphs(said, passages):
    assert split_passages(said) == passages


def test_the_page_ranks_as_the_library_does(client):
    asked = {"query": QUERY, "passages": BOX, "explain": "3", "right": "4"}
    explainer = open_explainer()
    expected = explainer.rank(QUERY, PASSAGES, right="4", explain=3)
    found = Ranking.from_json(client.post("/rank/json", data=asked).content)
    assert [(p.id, p.score) for p in found.passages] == [(p.id, p.score) for p in expected.passages]
    assert found.right == "4"
    assert found.method == expected.method
    page = client.post("/rank", data=asked, headers=PART).text
    names = re.findall(r'class="wa-ranked-name"[^>]*>(?:<a[^>]*>)?.*?<bdi>(\w+)</bdi>', page, re.S)
    assert names == [p.id for p in expected.passages]
    assert page.count("<article") == len(expected.explained)
    assert "What the first has and the right one lacks" in page
    rows = list(csv.DictReader(io.StringIO(client.post("/rank/csv", data=asked).text)))
    assert [row["id"] for row in rows] == [p.id for p in expected.passages]
    assert "<b>gloves" not in page
    python, shell = (
        html.unescape(re.search(rf'id="code-{name}"[^>]*>(.*?)</pre>', page, re.S)[1])
        for name in ("python", "shell")
    )
    ast.parse(python)
    assert f"passages = {PASSAGES!r}" in python
    assert shlex.split(shell)[-2:] == ["--", QUERY]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"right": "9"}, "no passage has this id"),
        ({"explain": "21"}, "explains 20 at most"),
        ({"explain": "x"}, "whole number"),
        ({"model": "x"}, "no model 'x'"),
        ({"method": "x"}, "x"),
        ({"file": "x", "passages": ""}, "not here any more"),
        ({"passages": "\n".join(["a"] * 1001)}, "1,001 passages"),
    ],
)
def test_what_can_t_be_ranked_is_said(client, fields, says):
    page = client.post("/rank", data={"query": QUERY, "passages": BOX, **fields})
    assert page.status_code == 422
    assert says in html.unescape(page.text)


def test_an_example_and_nothing(client):
    link = html.unescape(re.search(r'href="(/rank\?[^"]*)"', client.get("/rank").text)[1])
    assert "passages ranked" in client.get(link).text
    assert "Nothing to rank yet" in client.get("/rank", params={"query": "a"}).text


def test_passages_of_a_file_keep_their_ids(client):
    content = "id,title,text\nx7,Gloves,Gloves that are warm\nx9,Boots,Boots of leather\n"
    page = client.post(
        "/rank/upload", data={"query": QUERY, "explain": "1"}, files={"file": ("p.csv", content)}
    )
    assert page.status_code == 200
    assert "p.csv" in page.text
    assert re.findall(r'class="wa-item-id"><bdi>(\w+)', page.text)[:2] == ["x7", "x9"]
    assert page.text.count("<article") == 1
    refused = client.post("/rank/upload", data={"query": QUERY}, files={"file": ("p.exe", "")})
    assert refused.status_code == 422
    assert "choose one" in refused.text


def test_a_report_is_shown_and_another_opened(client):
    page = html.unescape(client.get("/diagnose").text)
    assert "What a search misses" in page
    assert "how do I get <b>money</b> back" in page
    assert "<b>money" not in client.get("/diagnose").text
    sent = make_report().to_json().encode()
    opened = client.post("/diagnose", files={"file": ("mine.json", sent)})
    assert opened.status_code == 200
    assert "mine.json" in opened.text
    for content, says in ((b"{}", "This is no report"), (b"", "choose one"), (b"x", "JSON")):
        refused = client.post("/diagnose", files={"file": ("x.json", content)})
        assert refused.status_code == 422
        assert says in html.unescape(refused.text)
    assert client.get("/diagnose", params={"report": "none"}).status_code == 422
    foreign = client.post(
        "/diagnose", files={"file": ("a", b"x")}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403


def test_what_is_named_at_the_start_is_read_then(tmp_path):
    from whyalike.errors import FormatError
    from whyalike.reports.reading import read_report

    (tmp_path / "r.json").write_text(make_report().to_json())
    assert read_report(tmp_path / "r.json") == make_report()
    (tmp_path / "no.json").write_text(json.dumps({"format": "whyalike/ranking"}))
    with pytest.raises(FormatError, match=r"no\.json: This is no report"):
        read_report(tmp_path / "no.json")


def test_ranking_as_one_types(open_page):
    page = open_page("/rank")
    page.locator("#query").fill(QUERY)
    page.locator("#passages").fill("\n\n".join(PASSAGES))
    page.locator(".wa-ranked li").nth(3).wait_for()
    page.locator(".whyalike-whole > summary").first.click()
    page.locator(".whyalike-whole[open] article[data-ready] a.wa-word").first.hover()
    assert "score" in page.locator(".whyalike-whole[open] .wa-readout").inner_text()
    assert "passages=Boots" in page.url


def test_without_scripts(open_page):
    page = open_page("/rank", java_script_enabled=False)
    page.locator("#query").fill(QUERY)
    page.locator("#passages").fill("\n\n".join(PASSAGES))
    page.get_by_role("button", name="Rank").click()
    assert page.locator(".wa-ranked li").count() == 4
    page.get_by_role("link", name="Diagnose").click()
    assert page.get_by_role("heading", name="What a search misses").is_visible()


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound(open_page, width, scheme):
    box = "%0A%0A".join(one.replace(" ", "+") for one in PASSAGES)
    asked = f"/rank?query=warm+gloves&passages={box}"
    for path in ("/rank", f"{asked}&right=1", f"{asked}&right=9", "/diagnose"):
        page = open_page(path, width=width, color_scheme=scheme)
        for summary in page.locator("main details > summary").all():
            if summary.is_visible() and not summary.evaluate("one => one.parentElement.open"):
                summary.click()
        assert axe_of(page) == [], path
