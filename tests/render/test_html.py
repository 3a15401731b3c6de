import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import whyalike
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.render import render_fragment, render_html
from whyalike.render.html import PAGE_STYLES, STYLES, TEMPLATES, assets
from whyalike.render.parts import LEVELS, UNREAD_SHOWN, pair_weights, saliency_level

GOLDEN = Path(__file__).parents[1] / "golden" / "gloves.html"
LEFT = (
    "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips, "
    "so you can answer a call."
)
RIGHT = "Soft winter mittens with conductive tips for phones.\nStay cosy 🧤 & dry."
HOSTILE = (
    "<script>alert(1)</script>",
    "</style></script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}{# x #}",
    "<!-- --><![CDATA[ ]]>",
    "&lt;b&gt;&#60;b&#62;",
    "</textarea></title><base href=//x>",
    "\u2028\u2029\x00\x0b<b>",
)
VOID = {"meta", "rect", "path"}


def make_side(text: str, saliencies: dict[str, float] | None = None) -> ExplainedText:
    known = saliencies or {}
    words = tuple(
        Word(match.group(), match.start(), match.end(), known.get(match.group(), 0.1))
        for match in re.finditer(r"\w+(?:-\w+)*", text)
    )
    return ExplainedText(text, words)


def make_pair(
    left: ExplainedText, right: ExplainedText, names: tuple[str, str], similarity: float
) -> WordPair:
    i = next(n for n, word in enumerate(left.words) if word.text == names[0])
    j = next(n for n, word in enumerate(right.words) if word.text == names[1])
    score = similarity * left.words[i].saliency * right.words[j].saliency
    return WordPair(i, j, similarity, score)


def make_gloves() -> Explanation:
    left = make_side(LEFT, {"gloves": 1.0, "fingertips": 0.7, "warm": 0.6, "call": -0.4})
    right = make_side(RIGHT, {"mittens": 1.0, "tips": 0.7, "cosy": 0.6, "phones": 0.5})
    matches = (
        make_pair(left, right, ("gloves", "mittens"), 0.91),
        make_pair(left, right, ("fingertips", "tips"), 0.83),
        make_pair(left, right, ("warm", "cosy"), 0.8),
        make_pair(left, right, ("hands", "mittens"), 0.5),
        make_pair(left, right, ("call", "phones"), 0.55),
    )
    return Explanation(
        similarity=0.8312,
        similarity_function="cosine",
        method="bti",
        model="all-MiniLM-L6-v2",
        pooling="model",
        left=left,
        right=right,
        pairs=matches[:4],
        matches=matches,
        warnings=("The right text has two lines.",),
    )


def make_empty(left: str = "", right: str = "") -> Explanation:
    return replace(
        make_gloves(),
        left=ExplainedText(left, ()),
        right=ExplainedText(right, ()),
        pairs=(),
        matches=(),
    )


class Page(HTMLParser):
    """Elements in document order, each with its attributes and all text inside it."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.elements[index][2].append(data)

    def attributes(self, name: str) -> list[str]:
        return [a[name] or "" for _, a, _ in self.elements if name in a]

    def select(self, css_class: str) -> Iterator[tuple[str, dict[str, str | None], str]]:
        for tag, attributes, text in self.elements:
            if css_class in (attributes.get("class") or "").split():
                yield tag, attributes, "".join(text)

    def shape(self) -> Counter[tuple[str, tuple[str, ...]]]:
        return Counter((tag, tuple(sorted(attributes))) for tag, attributes, _ in self.elements)


def marked(page: str) -> str:
    """The page with a short mark in the place of each style sheet and script."""
    return re.sub(r"(<(style|script)\b[^>]*>).*?(</\2>)", r"\1/* \2 */\3", page, flags=re.DOTALL)


def test_page_equals_the_golden_file() -> None:
    page = marked(render_html([make_gloves()], title="Gloves and mittens"))
    if os.environ.get("WHYALIKE_UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(page, encoding="utf-8", newline="\n")
    assert page == GOLDEN.read_text(encoding="utf-8")


SOURCES = Path(whyalike.__file__).parent


def test_the_page_carries_its_style_sheets_and_script_as_they_are_in_the_source() -> None:
    page = render_html([make_gloves()], title="Gloves and mittens")
    for tag in ("style", "script"):
        ending = {"style": ".css", "script": ".js"}[tag]
        carried = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page, flags=re.DOTALL)
        files = [f.read_text(encoding="utf-8").strip() for f in SOURCES.rglob(f"*{ending}")]
        assert any(carried)
        for content in carried:
            left = content
            for file in sorted(files, key=len, reverse=True):
                left = left.replace(file, "")
            assert left.strip() == ""


def test_texts_can_be_read_back_exactly() -> None:
    explanation = make_gloves()
    sup = re.compile(r"<sup.*?</sup>", re.DOTALL)
    page = Page(sup.sub("", render_html([explanation])))
    texts = [text for _, _, text in page.select("wa-text")]
    assert texts == [explanation.left.text, explanation.right.text]


def test_every_word_is_marked_once_with_its_own_saliency_and_partners() -> None:
    explanation = make_gloves()
    page = Page(render_html([explanation], scale="relative"))
    words = [(a, "".join(text)) for _, a, text in page.elements if "data-word" in a]
    count = len(explanation.left.words)
    for side, part in ((explanation.left, words[:count]), (explanation.right, words[count:])):
        assert [int(a["data-word"] or "") for a, _ in part] == list(range(len(side.words)))
        assert all(text.startswith(w.text) for (_, text), w in zip(part, side.words, strict=True))
    said = {text for attributes, text in words if attributes["class"] == "wa-word"}
    assert "gloves pair 1 with mittens" in said
    assert "mittens pair 1 with gloves, pair 4 with hands" in said
    tones = [a["class"] for _, a, text in page.select("wa-s8") if text == "call"]
    assert tones == ["wa-tone wa-s8 wa-negative"]


def test_links_of_words_lead_to_their_rows() -> None:
    page = Page(render_html([make_gloves(), make_gloves()]))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    for reference in (*page.attributes("href"), *page.attributes("aria-labelledby")):
        assert reference.removeprefix("#") in ids


def test_rows_name_the_words_of_their_pair() -> None:
    explanation = make_gloves()
    page = Page(render_html([explanation]))
    rows = [a for tag, a, _ in page.elements if tag == "tr" and "data-left" in a]
    expected = [*explanation.pairs, *explanation.matches]
    assert [(a["data-left"], a["data-right"]) for a in rows] == [
        (str(pair.left), str(pair.right)) for pair in expected
    ]
    assert len(list(page.select("wa-selected"))) == len(explanation.pairs)


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_from_users_becomes_markup(payload: str) -> None:
    def fill(text: str) -> tuple[str, str]:
        words = (Word(text, 0, len(text), 0.5), Word(text, len(text) + 1, 2 * len(text) + 1, 0.2))
        side = ExplainedText(f"{text} {text} {text}", words, unread_words=1)
        pair = WordPair(0, 0, 0.5, 0.1)
        explanation = replace(
            make_gloves(),
            left=side,
            right=side,
            pairs=(pair,),
            matches=(pair, WordPair(1, 0, 0.4, 0.05)),
            model=text,
            method=text,
            pooling=text,
            warnings=(text,),
        )
        return render_html([explanation, explanation], title=text), render_fragment(explanation)

    for hostile, harmless in zip(fill(payload), fill("word"), strict=True):
        page = Page(hostile)
        assert page.shape() == Page(harmless).shape()
        shown = payload.replace("\0", "\ufffd")
        assert all(shown in text for _, _, text in page.select("wa-text"))
        for attributes in (attributes for _, attributes, _ in page.elements):
            assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_nothing_is_loaded_and_nothing_is_inline() -> None:
    for markup in (render_html([make_gloves(), make_empty()]), render_fragment(make_gloves())):
        assert not re.search(r"https?:|//\w|url\(|@import|\bsrc=", without_comments(markup))
        page = Page(markup)
        assert not page.attributes("style")
        assert not page.attributes("src")
        assert all(href.startswith("#") for href in page.attributes("href"))
        names = {name for _, attributes, _ in page.elements for name in attributes}
        assert not any(name.startswith("on") for name in names)
    for asset in TEMPLATES.glob("*.[cj]s*"):
        assert "</" not in asset.read_text(encoding="utf-8")


def without_comments(markup: str) -> str:
    return re.sub(r"^\s*//.*$", "", markup, flags=re.MULTILINE)


def test_page_allows_its_own_style_and_script_only() -> None:
    page = Page(render_html([make_gloves()]))
    policy = page.attributes("content")[0]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_several_explanations_have_headings_and_contents() -> None:
    page = Page(render_html([make_gloves(), make_empty(), make_gloves()]))
    assert len(list(page.select("whyalike-contents"))) == 1
    headings = [text for _, _, text in page.select("whyalike-page-heading")]
    assert headings[0].startswith("1 Keep hands warm")
    assert headings[1] == "2 (empty text) – (empty text)"
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_headings_can_be_given() -> None:
    page = Page(render_html([make_gloves(), make_empty()], headings=["Two <gloves>", "Nothing"]))
    headings = [text for _, _, text in page.select("whyalike-page-heading")]
    assert headings == ["1 Two <gloves>", "2 Nothing"]
    with pytest.raises(ValueError, match="zip"):
        render_html([make_gloves()], headings=["one", "two"])


def test_page_without_explanations_says_so() -> None:
    assert "There are no explanations" in render_html([])


def test_fragments_are_stable_and_have_ids_of_their_own() -> None:
    first, other = render_fragment(make_gloves()), render_fragment(make_empty("?!"))
    assert first == render_fragment(make_gloves())
    ids = [*Page(first).attributes("id"), *Page(other).attributes("id")]
    assert len(ids) == len(set(ids))
    assert "whyalike-page-title" not in Page(first).attributes("class")


def test_styles_stay_below_the_root() -> None:
    css = re.sub(r"/\*.*?\*/", "", str(assets(*PAGE_STYLES)))
    for selectors in re.findall(r"([^{}]+)\{", css):
        if selectors.strip().startswith("@"):
            continue
        assert all(".whyalike" in selector for selector in selectors.split(",")), selectors


def test_lone_surrogates_can_be_encoded() -> None:
    explanation = replace(
        make_gloves(), left=make_side("\ud800 lone \udfff"), pairs=(), matches=(), model="\udc80"
    )
    for markup in (render_html([explanation], title="\ud83d"), render_fragment(explanation)):
        assert markup.encode("utf-8").count(b"\xef\xbf\xbd") >= 3


def test_a_character_that_browsers_drop_is_shown_to_be_there() -> None:
    explanation = replace(make_gloves(), left=make_side("nul\0inside"), pairs=(), matches=())
    for markup in (render_html([explanation], title="a\0b"), render_fragment(explanation)):
        assert "\0" not in markup
        assert "\N{REPLACEMENT CHARACTER}" in markup


def test_texts_without_words_are_explained() -> None:
    page = render_html([make_empty("", "?! …")])
    assert page.count("This text has no words; there is nothing to explain.") == 2
    assert "a pair needs a word on each side" in page
    assert "?! …" in page


def test_matches_without_selected_pairs_are_still_shown() -> None:
    page = render_html([replace(make_gloves(), pairs=())])
    assert "No match was selected as a pair." in page
    assert 'data-kind="matches"' in page


def test_unread_tail_is_short_and_counted() -> None:
    text = "warm gloves " * 50_000
    side = ExplainedText(text, (Word("warm", 0, 4, 0.5),), unread_words=99_999)
    page = render_html([replace(make_gloves(), left=side, pairs=(), matches=())])
    assert "… 99,999 words were not read by the model" in page
    assert "1 of 100,000 words read" in page
    (tail,) = [text for _, _, text in Page(page).select("wa-unread")]
    assert len(tail) == UNREAD_SHOWN


def test_right_to_left_texts_get_their_direction_from_the_text() -> None:
    side = make_side("כפפות חמות לחורף")
    page = Page(render_html([replace(make_gloves(), left=side, pairs=(), matches=())]))
    assert all(attributes["dir"] == "auto" for _, attributes, _ in page.select("wa-text"))


def test_many_partners_are_counted() -> None:
    pairs = tuple(WordPair(0, j, 0.5, 0.1 / (j + 1)) for j in range(5))
    explanation = replace(make_gloves(), pairs=pairs, matches=pairs)
    word = next(text for _, _, text in Page(render_html([explanation])).select("wa-word"))
    assert word == "Keep pair 1 with Soft, pair 2 with winter, pair 3 with mittens+2 more"


@pytest.mark.parametrize(
    ("function", "similarity", "shown"),
    [
        ("euclidean", -0.5532, "minus the distance: 0 is identical"),
        ("cosine", -0.00001, ">0.000<"),
        ("dot", -3.5, ">−3.500<"),
    ],
)
def test_scores_are_signed_and_explained(function: str, similarity: float, shown: str) -> None:
    explanation = replace(make_gloves(), similarity=similarity, similarity_function=function)
    assert shown in render_html([explanation])


def test_pooling_is_said_in_words() -> None:
    page = render_html([replace(make_gloves(), pooling="paper")])
    assert "mean of word tokens without special tokens, as in the paper" in page


def test_text_is_readable_on_every_level_of_saliency() -> None:
    css = str(assets(*STYLES))
    colors = dict(re.findall(r"--wa-(\w+): light-dark\((#\w+, #\w+)\)", css))
    levels = re.findall(r"\.wa-s(\d+) \{ --wa-tone: light-dark\((#\w+), (#\w+)\)", css)
    assert tuple(light for _, light, _ in levels) == LEVELS
    assert [int(number) for number, _, _ in levels] == list(range(len(LEVELS)))
    inks = colors["ink"].split(", ")
    for _, *tones in levels:
        for ink, tone in zip(inks, tones, strict=True):
            assert contrast(ink, tone) >= 4.5


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_levels_and_weights_stay_in_range() -> None:
    assert [saliency_level(s) for s in (0.0, 0.02, 0.5, 1.0, 7.0, -1.0)] == [0, 0, 10, 20, 20, 20]
    scores = (0.9, 0.5, 0.01, -0.3)
    assert pair_weights([WordPair(0, 0, 0.5, s) for s in scores]) == [4, 2, 1, 1]
    assert pair_weights([WordPair(0, 0, 0.5, -0.1)]) == [1]


def test_rendering_html_loads_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, whyalike.render as r; assert 'jinja2' not in sys.modules; r.render_html;"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
