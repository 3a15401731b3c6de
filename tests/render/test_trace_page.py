"""A trace as the reader sees it: every rank, every sentence, nothing unescaped."""

import re

import pytest
from test_html import Page

from pair_tables import PairTable
from whyalike import Explainer, Item
from whyalike.render import render_trace, render_trace_fragment, render_trace_text

HOSTILE = "<script>alert(1)</script> \x1b[2Jred"
TABLE = {("touchscreen", "smartphone"): 2.0, ("gloves", "gloves"): 1.0}
ITEMS = [
    Item("a", "Liners", "smartphone gloves"),
    Item("b", "", "hat"),
    Item("c", HOSTILE, f"gloves {HOSTILE}"),
]


@pytest.fixture(scope="module")
def trace():
    first = Explainer(PairTable("words", {("gloves", "gloves"): 1.0}))
    return first.trace("touchscreen gloves", ITEMS, keep=2, stages=[PairTable("x/meaning", TABLE)])


def text_of(page):
    (found,) = [text for tag, _, text in page.elements if tag == "main"]
    return " ".join("".join(found).split())


def test_the_page_has_every_rank_and_sentence(trace):
    page = Page(render_trace(trace))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    said = text_of(page)
    for passage in trace.passages:
        assert " ".join(re.sub("[“”]", "", trace.sentence(passage)).split()) in said
    for expected in ("touchscreen gloves", "scores 3, keeps 2", "explained by exact", "cut"):
        assert expected in said
    links = {link for link in page.attributes("href") if link.startswith("#passage-")}
    assert links <= {f"#{id}" for id in ids}
    assert {f"#passage-{n}" for n in (1, 2, 3)} <= links


def test_nothing_in_a_text_commands_the_page_or_the_terminal(trace):
    for made in (render_trace(trace), render_trace_fragment(trace)):
        assert "<script>alert" not in made
        assert "&lt;script&gt;alert(1)" in made
    text = render_trace_text(trace)
    assert all(line.isprintable() for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 80


def test_the_chart_is_there_where_there_is_something_to_draw(trace):
    assert "wa-rank-chart" in text_with_chart(trace)
    one = Explainer(PairTable("words", TABLE)).trace("gloves", ITEMS, top=0)
    assert '<svg class="wa-rank-chart"' not in render_trace(one)


def text_with_chart(trace):
    return "".join(re.findall(r"<svg class=\"wa-rank-chart\".*?</svg>", render_trace(trace), re.S))


def test_a_part_of_many_passages_is_listed_and_the_rest_counted():
    explainer = Explainer(PairTable("words", TABLE))
    many = [f"hat {n}" for n in range(30)] + ["gloves"]
    trace = explainer.trace("gloves", many, stages=[explainer], top=0, named=["30"])
    for render in (render_trace, render_trace_text):
        said = " ".join(render(trace).split())
        assert "and 10 more" in said
        assert "hat 29" in said


@pytest.mark.parametrize(("width", "drawn"), [(360, False), (1440, True)])
def test_the_page_fits_narrow_and_wide_screens(request, trace, tmp_path, width, drawn):
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    browser, said = request.getfixturevalue("browser"), []
    file = tmp_path / "trace.html"
    file.write_text(render_trace(trace), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".wa-rank-chart").is_visible() is drawn
    assert page.locator(".wa-rank-table").is_visible()
    page.close()
    assert not said, "the page says something in its console"


def test_a_table_of_many_stages_does_not_widen_the_page(request, tmp_path):
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    stages = [PairTable(f"stage-{n}", TABLE) for n in range(8)]
    trace = Explainer(PairTable("words", TABLE)).trace("gloves", ITEMS, stages=stages, top=0)
    file = tmp_path / "trace.html"
    file.write_text(render_trace(trace), encoding="utf-8")
    page = request.getfixturevalue("browser").new_page(viewport={"width": 360, "height": 900})
    page.goto(file.as_uri())
    table = "document.querySelector('.wa-scroll')"
    assert page.evaluate(f"{table}.scrollWidth > {table}.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
