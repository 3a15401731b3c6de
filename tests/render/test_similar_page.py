"""Similar items as the reader sees them: HTML and terminal, every figure, nothing unescaped."""

import re
from dataclasses import replace

import pytest
from signed_explanations import make_signed
from test_html import HOSTILE, Page, make_gloves

from whyalike.render import render_similar, render_similar_text
from whyalike.render.similar import SimilarHit, SimilarPage

NOTE = "The item itself and exact duplicates of its text are left out."


def make_hit(rank=1, explanations=None, **changes):
    gloves = make_gloves()
    hit = SimilarHit(
        rank=rank,
        id=f"M{rank}",
        title=f"Mittens {rank}",
        text=gloves.right.text,
        similarity=0.8125 - rank / 16,
        facts=(("colour", "navy"), ("price", "39")),
        explanations=(("", gloves),) if explanations is None else explanations,
    )
    return replace(hit, **changes)


def make_page(*hits, **changes):
    page = SimilarPage(
        query_id="G1",
        query_title="Knit gloves",
        query_text=make_gloves().left.text,
        facts=(("Index", "idx"), ("Items", "60"), ("Score", "cosine similarity")),
        hits=hits,
        notes=(NOTE,),
    )
    return replace(page, **changes)


def shown(render, page):
    made = render(page)
    if render is render_similar:
        parsed = Page(made)
        ids = parsed.attributes("id")
        assert len(ids) == len(set(ids))
        made = " ".join("".join(text) for tag, _, text in parsed.elements if tag == "main")
    return " ".join(made.split())


@pytest.mark.parametrize("render", [render_similar, render_similar_text])
def test_the_query_and_every_candidate_are_there(render):
    said = shown(render, make_page(make_hit(1), make_hit(2)))
    for expected in ("Knit gloves", "G1", "cosine similarity", NOTE):
        assert expected in said
    for rank, score in ((1, "0.750"), (2, "0.688" if render is render_similar else "0.6875")):
        assert f"Mittens {rank}" in said
        assert f"M{rank}" in said
        assert score in said
    assert said.index("Mittens 1") < said.index("Mittens 2")
    assert re.search(r"colour ?navy", said)
    assert re.search(r"Items ?60", said)
    pair = make_gloves().pairs[0]
    left, right = make_gloves().left.words[pair.left], make_gloves().right.words[pair.right]
    assert f"{left.text} – {right.text} {pair.score:.3f}" in said


def test_what_can_be_opened_is_one_text_until_then(browser, tmp_path):
    file = tmp_path / "similar.html"
    hostile = make_hit(3, title="</noscript><b id=out>out</b>")
    file.write_text(render_similar(make_page(make_hit(1), make_hit(2), hostile)))
    context = browser.new_context()
    page = context.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(file.as_uri())
    assert page.locator("article.whyalike, #out").count() == 0
    for number in (2, 1):
        page.locator(".whyalike-whole > summary").nth(number - 1).click()
        page.locator(f"#hit-{number}-1[data-ready] a.wa-word").first.hover()
        assert "score" in page.locator(f"#hit-{number}-1 .wa-readout").inner_text()
    assert page.locator("article.whyalike").count() == 2
    assert page.locator("#hit-1-1 table[data-ready]").count() > 0  # It can be sorted, too.
    assert problems == []
    context.close()
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(file.as_uri())
    page.locator(".whyalike-whole > summary").first.click()
    assert page.locator("#hit-1-1").is_visible()
    plain.close()


def test_each_candidate_has_its_whole_explanation_to_be_opened():
    page = Page(render_similar(make_page(make_hit(1), make_hit(2))))
    assert len(list(page.select("whyalike-whole"))) == 2
    articles = [a["id"] for tag, a, _ in page.elements if tag == "article"]
    assert articles == ["hit-1-1", "hit-2-1"]
    # The links of the words in the card would lead to a closed table: there are none.
    texts = [text for _, _, text in page.select("wa-text")]
    assert len(texts) == 2 * 3
    sections = [a["id"] for tag, a, _ in page.elements if tag == "section" and "id" in a]
    assert sections == ["hit-1", "hit-2"]


@pytest.mark.parametrize("render", [render_similar, render_similar_text])
def test_parts_of_the_score_are_each_explained(render):
    names = ("title–title", "description–title")
    hit = make_hit(
        parts=((names[0], 0.91), (names[1], 0.59)),
        explanations=((names[0], make_gloves()), (names[1], make_signed())),
    )
    said = shown(render, make_page(hit))
    assert f"{names[0]} 0.910, {names[1]} 0.590" in said
    assert "gloves – mittens 0.120" in said
    if render is render_similar:
        assert f"{names[1]}: the whole explanation" in said
        assert "hatched: below zero" in said


@pytest.mark.parametrize("render", [render_similar, render_similar_text])
def test_without_explanations_there_is_no_legend(render):
    said = shown(render, make_page(make_hit(explanations=())))
    assert "Mittens 1" in said
    assert "aliency" not in said
    assert "pairs" not in said
    assert make_gloves().right.text.split("\n")[0] in said


@pytest.mark.parametrize("render", [render_similar, render_similar_text])
def test_what_may_be_missing(render):
    bare = make_hit(title="", text="", facts=(("colour", ""),), similarity=-3.5, explanations=())
    said = shown(render, make_page(bare, query_id="", query_title="", notes=()))
    assert "M1" in said
    assert "\N{MINUS SIGN}3.5" in said
    assert "Nothing was found." in shown(render, make_page())


def test_a_bar_stands_for_a_part_of_one_only():
    def bars(similarity):
        page = Page(render_similar(make_page(make_hit(similarity=similarity, explanations=()))))
        return [a["width"] for tag, a, _ in page.elements if tag == "rect"]

    assert bars(0.25) == ["100", "25.0"]
    # Rounded vectors of length 1 have a product a little above it.
    assert bars(1.0000002) == ["100", "100.0"]
    assert bars(-2.0) == bars(17.0) == []


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_from_a_catalogue_becomes_markup(payload):
    def fill(text):
        hit = make_hit(id=text, title=text, text=text, facts=((text, text),), parts=((text, 0.5),))
        return make_page(
            replace(hit, explanations=((text, make_gloves()),)),
            replace(hit, rank=2, explanations=()),
            query_id=text,
            query_title=text,
            query_text=text,
            facts=((text, text),),
            notes=(text,),
        )

    harmless, hostile = Page(render_similar(fill("x"))), Page(render_similar(fill(payload)))
    assert hostile.shape() == harmless.shape()


def test_the_terminal_is_not_commanded_and_long_texts_are_cut():
    hit = make_hit(text="word " * 200, title="\x1b[31mred\u202e", explanations=())
    said = render_similar_text(make_page(hit, query_title="a\x07b"))
    assert not {"\x1b", "\x07", "\u202e"} & set(said)
    assert "…" in said
    assert max(map(len, said.splitlines())) <= 80
    assert said.count("word") < 60
