"""Markdown of explanations, read back by a parser of Markdown that is not ours."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt
from signed_explanations import make_signed
from test_html import make_empty, make_gloves, make_side

from whyalike import Explanation
from whyalike.render import render_markdown

JOINER = "\N{WORD JOINER}"
HOSTILE = (
    "**bold** _it_ `code` # no heading\n- no list | no cell\n> <b>tag</b> &amp; [a](http://b.c) "
    "![x](y) ~~gone~~ $x$ a\\*b ^1^\n\n---\n1. one\u202e\x1b[31m"
)


def make_unpaired(left, right):
    """An explanation of these texts without pairs."""
    return replace(make_gloves(), left=left, right=right, pairs=(), matches=())


def parse(markdown: str):
    """All tokens, those inside of others too."""
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        found += [token, *(token.children or [])]
    return found


def text_of(markdown: str) -> str:
    """What a reader sees, without blanks."""
    kinds = ("text", "code_inline", "html_inline", "html_block", "code_block", "fence")
    said = "".join(token.content for token in parse(markdown) if token.type in kinds)
    return "".join(said.replace(JOINER, "").split())


def test_both_texts_can_be_read_and_paired_words_are_bold():
    gloves = make_gloves()
    markdown = render_markdown(gloves)
    tokens = parse(markdown)
    bold = [b.content for a, b in pairwise(tokens) if a.type == "strong_open"]
    for pair in gloves.pairs:
        assert gloves.left.words[pair.left].text in bold
        assert gloves.right.words[pair.right].text in bold
    read = re.sub(r"\[[\d,]+\]", "", text_of(markdown))
    assert "".join(gloves.left.text.split()) in read
    assert "".join(gloves.right.text.split()) in read


def test_the_table_has_a_row_for_each_pair_with_its_numbers():
    gloves = make_gloves()
    tokens = parse(render_markdown(gloves))
    cells = [after.content for before, after in pairwise(tokens) if before.type == "td_open"]
    rows = [cells[n : n + 7] for n in range(0, len(cells), 7)]
    assert len(rows) == len(gloves.pairs)
    for rank, (row, pair) in enumerate(zip(rows, gloves.pairs, strict=True), start=1):
        assert row[0] == str(rank)
        assert row[1] == gloves.left.words[pair.left].text
        assert row[3] == gloves.right.words[pair.right].text
        assert float(row[5]) == pytest.approx(pair.similarity, abs=5e-4)
        assert float(row[6]) == pytest.approx(pair.score, rel=1e-2, abs=5e-4)


def test_contributions_stand_in_the_place_of_saliency_with_their_sign():
    signed = make_signed()
    markdown = render_markdown(signed)
    assert "| adds |" in markdown
    assert "Why not more alike" in markdown


def test_a_text_commands_nothing():
    one = make_unpaired(make_side(HOSTILE), make_side("plain words"))
    tokens = parse(render_markdown(replace(one, model=HOSTILE, warnings=(HOSTILE,))))
    kinds = {token.type for token in tokens}
    harmless = parse(render_markdown(replace(one, left=make_side("a"), warnings=("b",), model="m")))
    assert kinds <= {token.type for token in harmless}
    seen = text_of(render_markdown(one))
    for said in ("**bold**", "_it_", "`code`", "|nocell", "<b>tag</b>", "&amp;", "[a](http://b.c)",
                 "~~gone~~", "a\\*b"):  # fmt: skip
        assert said in seen
    assert "\x1b" not in seen
    assert "\u202e" not in seen


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("ask @bob", "@bob"),
        ("see #12", "#12"),
        ("at https://a.b", "https://"),
        ("at www.a.b", "www."),
        ("mail a@b.c", "@b"),
    ],
)
def test_nobody_is_notified_and_nothing_is_linked(text, never):
    for shown in (make_side(text), make_side(text.replace(" ", "\n"))):
        markdown = render_markdown(make_unpaired(shown, make_side("b")))
        assert never not in markdown.replace("\\#", "#")
        assert "".join(text.split()) in text_of(markdown)


def test_an_empty_text_is_said_to_be_empty():
    assert render_markdown(make_empty()).count("*(empty)*") == 2


def test_what_was_not_read_is_said():
    side = replace(make_side("one two three"), unread_words=2)
    side = replace(side, words=side.words[:1])
    markdown = render_markdown(make_unpaired(side, make_side("b")))
    assert "Not read (2 words): two three" in markdown


def test_an_explanation_gives_its_markdown():
    gloves = make_gloves()
    assert Explanation(**vars(gloves)).to_markdown() == render_markdown(gloves)
