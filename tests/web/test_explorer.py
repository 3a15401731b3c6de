"""The Explorer's pages without a browser: what they answer, keep, escape and refuse."""

import ast
import html
import json
import re
import shlex
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import ITEMS, count_letters, make_app, make_service, open_explainer
from fastapi.testclient import TestClient

from whyalike import BTIOptions
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.errors import OptionError
from whyalike.explanation import Explanation
from whyalike.web.api.service import Service
from whyalike.web.explorer.asking import LONGEST_LINK, Asked, SearchQuestion
from whyalike.web.explorer.catalogue import missing_words
from whyalike.web.explorer.pair import pairs_by_step

HOME = "http://127.0.0.1:8000"
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"
PART = {"X-Whyalike-Part": "result"}
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe\u202c \u0000 \ud800 </b>",
    "<!--<script>",
)


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def get(client, path, **fields):
    return client.get(path, params=fields)


def texts_of(markup):
    """The texts of an answer's explanation, word marks and numbers taken off."""
    found = re.findall(r'<div class="wa-text"[^>]*>(.*?)</div>', markup, re.S)
    plain = [re.sub(r"<sup.*?</sup>|<[^>]*>", "", one, flags=re.S) for one in found]
    return [html.unescape(one).strip() for one in plain]


class Reader(HTMLParser):
    """What a browser takes for tags, names of attributes and links."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.links = set(), set(), []
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.links += [value for name, value in attributes if name in ("href", "src", "action")]


# The pair


def test_an_empty_page_offers_examples_that_work(client):
    page = get(client, "/")
    assert page.status_code == 200
    links = [html.unescape(link) for link in re.findall(r'href="(/\?left=[^"]*)"', page.text)]
    assert len(links) == 6
    answer = client.get(links[0])
    assert texts_of(answer.text) == [value for _, value in parse_qsl(links[0][2:])]


def test_the_form_works_without_scripts_and_keeps_what_was_asked(client):
    page = get(client, "/", left=LEFT, right=RIGHT, method="random", top_k="3").text
    assert texts_of(page) == [LEFT, RIGHT]
    assert f">\n{LEFT}</textarea>" in page
    assert f">\n{RIGHT}</textarea>" in page
    assert '<option value="random" selected>' in page
    assert re.search(r'name="top_k"[^>]* value="3"', page)


def test_what_a_full_shade_is_can_be_chosen(client):
    page = get(client, "/", left=LEFT, right=RIGHT).text
    assert "0.15 or more</span> of the cosine" in page
    other = get(client, "/", left=LEFT, right=RIGHT, scale="relative").text
    assert "the most of each text" in other
    assert "0.15 or more" not in other
    assert '<option value="relative" selected>' in other
    saved = client.get("/pair/html", params={"left": LEFT, "right": RIGHT, "scale": "relative"})
    assert "the most of each text" in saved.text
    wrong = get(client, "/", left=LEFT, right=RIGHT, scale="log").text
    assert "allowed: &#39;absolute&#39;" in wrong


def test_posted_and_asked_for_alone_it_is_the_same_answer(client):
    fields = {"left": LEFT, "right": RIGHT}
    page = get(client, "/", **fields).text
    part = client.post("/", data=fields, headers=PART)
    assert part.headers["x-whyalike-part"] == "result"
    assert "<html" not in part.text
    # The link of what is sent by POST is that of the page.
    assert part.text.strip() in page


def test_a_form_s_line_ends_are_those_of_a_script(client):
    by_form = client.post("/pair/json", data={"left": "a\r\nb", "right": "b"}).json()
    by_script = client.post("/pair/json", data={"left": "a\nb", "right": "b"}).json()
    assert by_form == by_script
    assert by_form["left"]["text"] == "a\nb"


def test_a_first_line_break_is_kept_in_the_box(client):
    page = get(client, "/", left="\n\nwarm", right="wool").text
    # A parser drops the first one after the tag.
    assert ">\n\n\nwarm</textarea>" in page


def test_several_methods_stand_side_by_side(client):
    page = client.get(
        f"/?{urlencode([('left', LEFT), ('right', RIGHT), ('method', 'occlusion'), ('beside', 'random'), ('beside', 'nothing')])}"
    ).text
    names = re.findall(r'class="wa-card-name"><a href="#e\d"><bdi>(\w+)', page)
    assert names == ["occlusion", "random"]
    assert "There is no method &#39;nothing&#39;" in page


def test_sentences_are_measured_where_the_switch_says_so(client):
    two = "Mittens to text with. Lemons are sour."
    assert "wa-units" not in get(client, "/", left=LEFT, right=two).text
    page = get(client, "/", left=LEFT, right=two, unit="sentence").text
    assert '<option value="sentence" selected>' in page
    assert "Sentences of the right text" in page
    saved = client.get("/pair/json", params={"left": LEFT, "right": two, "unit": "sentence"}).json()
    units = [two[unit["start"] : unit["end"]] for unit in saved["units"]["right"]]
    assert units == ["Mittens to text with.", "Lemons are sour."]
    assert "wa-units" not in get(client, "/", left=LEFT, right=two, unit="chapter").text


def test_another_number_of_clusters_asks_no_model(tmp_path):
    calls = []

    def counted(texts):
        calls.append(len(texts))
        return count_letters(texts)

    explainer = open_explainer()
    explainer.model._function = counted
    service = make_service(tmp_path, explainer=explainer)
    client = TestClient(make_app(service), base_url=HOME)
    shown = []
    get(client, "/", left=LEFT, right=RIGHT, top_k="1")
    before = len(calls)
    for top_k in range(1, 6):
        part = client.post("/", data={"left": LEFT, "right": RIGHT, "top_k": top_k}, headers=PART)
        shown.append(int(re.search(r'data-shown="(\d+) of', part.text)[1]))
    assert before > 0
    assert len(calls) == before
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]
    service.close()


def test_the_slider_ends_where_all_matches_are_shown():
    explainer = open_explainer()
    found = explainer.explain(LEFT, RIGHT)
    count = len(pairs_by_step(found))
    assert count > 2
    sizes = []
    for top_k in range(1, count + 1):
        explainer.options = BTIOptions(top_k=top_k)
        sizes.append(len(explainer.explain(LEFT, RIGHT).pairs))
    assert sizes[-1] == len(found.matches)
    assert sizes[-2] < sizes[-1]


@pytest.mark.parametrize("attack", [ATTACKS[1], " ".join(ATTACKS)])
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ("left", "right")),
        ("/", ("model",)),
        ("/", ("method",)),
        ("/", ("beside", "left", "right")),
        ("/", ("top_k",)),
        ("/compare", ("query", "first", "second")),
        ("/compare", ("method", "query", "first", "second")),
        ("/catalogue", ("text",)),
        ("/catalogue", ("item",)),
        ("/catalogue", ("text", "missing")),
        ("/catalogue", ("where",)),
        ("/catalogue", ("index",)),
        ("/catalogue", ("is.kind",)),
        ("/catalogue", ("from.price",)),
        ("/catalogue", ("k",)),
        ("/evaluate", ("run",)),
        ("/evaluate/samples", ("run", "dataset", "metric", "start")),
    ],
)
def test_what_strangers_write_is_never_markup(client, attack, path, names):
    fields = {name: attack.encode("utf-8", "replace") for name in names}
    answer = client.get(f"{path}?{urlencode(fields)}")
    assert answer.status_code < 500
    body = answer.text
    for tag in ("<script>", "<img src=x", "<svg/", "<!--"):
        assert tag not in body
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    reader = Reader(body)
    assert not [n for n in reader.attributes if n.startswith("on") or n in ("style", "srcdoc")]
    assert reader.tags.isdisjoint({"iframe", "object", "base", "embed"})
    assert not [one for one in reader.links if not one.startswith(("/", "#"))]


@pytest.mark.parametrize("path", ["/", "/compare", "/catalogue", "/evaluate"])
def test_field_names_are_strangers_too(client, path):
    answer = client.get(
        f"{path}?{urlencode({attack: attack.encode('utf-8', 'replace') for attack in ATTACKS[:5]})}"
    )
    assert answer.status_code < 500
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"left": "a" * 20_001, "right": "b"}, "20,001 characters"),
        ({"left": "a", "right": "b", "model": "other"}, "has no model"),
        ({"left": "a", "right": "b", "method": "bti"}, "bti"),
        ({"left": "a", "right": "b", "top_k": "0"}, "whole number from 1"),
        ({"left": "a", "right": "b", "top_k": "²"}, "whole number from 1"),
    ],
)
def test_what_can_t_be_asked_is_said_in_the_answer_s_place(client, fields, says):
    for answer in (client.post("/", data=fields), client.post("/", data=fields, headers=PART)):
        assert answer.status_code == 422
        assert 'class="ex-state ex-failed"' in answer.text
        assert says in html.unescape(answer.text)
    page = client.post("/", data=fields).text
    assert f">\n{fields['left']}</textarea>" in page, "nothing that was typed is lost"


def test_a_busy_server_says_when_to_ask_again(service, client, monkeypatch):
    from whyalike.errors import BusyError

    async def busy(*_, **__):
        raise BusyError("Many wait. Ask again in 7 s.", 7)

    monkeypatch.setattr(service, "explain", busy)
    answer = client.post("/", data={"left": "x y", "right": "z"}, headers=PART)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert "Ask again in 7 s." in answer.text
    assert client.post("/pair/json", data={"left": "x y", "right": "z"}).status_code == 503


def test_long_texts_go_by_post_and_have_no_link(client):
    # One word, of letters that take twelve bytes each in a body: the most that there is.
    fields = {"left": "\N{GOTHIC LETTER AHSA}" * 20_000, "right": "b", "method": "random"}
    answer = client.post("/", data=fields, headers=PART)
    assert answer.status_code == 200
    assert 'data-copy="link"' not in answer.text
    assert "download=" not in answer.text
    assert 'data-copy="file"' in answer.text


# What one takes along


def test_the_files_are_those_of_the_library(client):
    explainer = open_explainer()
    expected = explainer.explain(LEFT, RIGHT)
    fields = {"left": LEFT, "right": RIGHT}
    found = get(client, "/pair/json", **fields)
    assert Explanation.from_json(found.text) == expected
    page = get(client, "/pair/html", **fields)
    assert page.text == expected.to_html()
    assert page.headers["content-disposition"].startswith("attachment")
    picture = get(client, "/pair/png", **fields)
    assert picture.content.startswith(b"\x89PNG")


def test_several_methods_are_saved_in_one_document(client):
    fields = {"left": LEFT, "right": RIGHT, "method": "occlusion", "beside": ["random", "nothing"]}
    saved = get(client, "/pair/json", **fields).json()
    assert (saved["format"], saved["version"]) == ("whyalike/explanations", 1)
    assert [one["method"] for one in saved["explanations"]] == ["occlusion", "random"]
    assert "nothing" in saved["left_out"]["nothing"]


def test_the_saved_files_are_linked(client):
    page = get(client, "/", left=LEFT, right=RIGHT, method="random").text
    links = {html.unescape(one) for one in re.findall(r'href="(/pair/[^"]*)"', page)}
    assert len(links) == 3
    for link in links:
        assert client.get(link).status_code == 200
    assert client.get("/pair/svg", params={"left": "a", "right": "b"}).status_code == 404


@pytest.mark.parametrize(
    "texts", [(LEFT, RIGHT), ("-x 'a' \"b\"\n$HOME `id`", "\\ \u2028 \N{PILE OF POO} {0}")]
)
def test_the_code_says_the_same_texts(client, texts):
    page = client.post(
        "/", data={"left": texts[0], "right": texts[1], "method": "random", "top_k": "3"}
    ).text
    python = html.unescape(re.search(r'<pre id="code-python"[^>]*>(.*?)</pre>', page, re.S)[1])
    tree = ast.parse(python)
    call = next(
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "explain"
    )
    assert tuple(ast.literal_eval(one) for one in call.args) == texts
    assert "BTIOptions(top_k=3)" in python
    command = html.unescape(re.search(r'<pre id="code-shell"[^>]*>(.*?)</pre>', page, re.S)[1])
    said = shlex.split(command)
    assert said[:2] == ["whyalike", "explain"]
    assert said[-3:] == ["--", *texts]
    assert said[said.index("--top-k") + 1] == "3"


# The comparison


def test_the_higher_text_stands_first_whatever_the_order(client):
    explainer = open_explainer()
    query, first, second = "warm wool hat", "zip", "a warm hat of wool"
    expected = (
        explainer.explain(query, second).similarity - explainer.explain(query, first).similarity
    )
    assert expected > 0
    fields = {"query": query, "first": first, "second": second}
    page = get(client, "/compare", **fields).text
    assert "Text B is scored above text A, by" in page
    assert texts_of(page) == [query, second, first]
    turned = get(client, "/compare", query=query, first=second, second=first).text
    assert "Text A is scored above text B, by" in turned
    assert texts_of(turned) == [query, second, first]
    found = get(client, "/compare/json", **fields).json()
    assert found["margin"] == pytest.approx(expected)
    assert (
        get(client, "/compare", query=query, first=first, second=first).text.count(
            "scored the same"
        )
        >= 1
    )


def test_only_methods_that_compare_are_offered(client):
    offered = re.findall(
        r'<option value="(\w+)"', get(client, "/compare").text.split('name="method"')[1]
    )
    assert offered == ["occlusion", "shapley"]


# The catalogue


def test_items_are_there_to_be_picked_and_filtered(client):
    page = get(client, "/catalogue").text
    assert "1 to 6 of 6 items." in page
    for link in re.findall(r'class="ex-item"><a href="([^"]*)"', page):
        assert client.get(html.unescape(link)).status_code == 200
    for fields, ids in (
        ({"is.kind": "gloves"}, ["g1", "g2", "g3"]),
        ({"is.kind": ["gloves", "hats"], "is.in stock": "yes"}, ["g1", "g2", "h1"]),
        ({"from.price": "15", "to.price": "30"}, ["s1", "s2", "h1"]),
        ({"is.in stock": "no", "where": "price < 10 or price > 29"}, ["g3", "s2"]),
    ):
        part = client.get("/catalogue", params=fields, headers=PART).text
        found = re.findall(r"item=(\w+)\"", html.unescape(part))
        assert found == ids, fields
        slow = [
            i
            for i, _, _, kind, price, stock in ITEMS
            if kind in fields.get("is.kind", kind)
            and {"yes": stock, "no": not stock}.get(fields.get("is.in stock"), True)
            and float(fields.get("from.price", 0)) <= price <= float(fields.get("to.price", 99))
            and ("where" not in fields or price < 10 or price > 29)
        ]
        assert slow == ids


def test_facets_count_the_items(client):
    page = html.unescape(get(client, "/catalogue").text)
    counts = dict(re.findall(r"<bdi>(\w+)</bdi><span class=\"web-muted\">(\d+)<", page))
    assert counts == {"gloves": "3", "scarves": "2", "hats": "1", "yes": "4", "no": "2"}
    assert 'placeholder="9.0"' in page
    assert 'placeholder="40.0"' in page


def test_a_field_of_many_values_is_searched(tmp_path):
    items = [
        Item(f"i{n}", f"Lamp {n}", f"A lamp, {n}", {"brand": f"maker & {n % 45}"})
        for n in range(90)
    ]
    explainer = open_explainer()
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer)
    with TestClient(
        make_app(Service({"letters": explainer}, indexes={"lamps": index})), base_url=HOME
    ) as client:
        page = html.unescape(get(client, "/catalogue").text)
        assert re.findall(r'<input[^>]*name="is.brand"[^>]*value=""[^>]*list="values-1"', page)
        assert page.count('<option value="maker & ') == 45
        asked = {"is.brand": "maker & 7"}
        part = client.get("/catalogue", params=asked, headers=PART).text
        assert re.findall(r"item=(\w+)\"", html.unescape(part)) == ["i7", "i52"]
        assert 'value="maker & 7" list=' in html.unescape(get(client, "/catalogue", **asked).text)


def test_a_search_shows_cards_in_the_order_of_the_library(service, client):
    fields = {"text": "knit gloves for winter", "k": "5"}
    expected = service.index("shop").index.similar(fields["text"], k=5)
    page = get(client, "/catalogue", **fields).text
    assert re.findall(r'class="wa-item-id"><bdi>(\w+)', page) == [hit.item.id for hit in expected]
    assert page.count("whole explanation") == 5
    told = get(client, "/catalogue/json", **fields).json()
    assert [hit["id"] for hit in told["hits"]] == [hit.item.id for hit in expected]
    assert "similar shop '--text=knit gloves for winter' -k 5" in html.unescape(page)


def found_in(markup):
    return re.findall(r'class="wa-item-id"><bdi>(\w+)', markup)


def test_a_search_is_shaped_as_the_library_shapes_it(service, client):
    index = service.index("shop").index
    text = "Knit gloves with touchscreen fingertips."
    for fields, shape, said in (
        ({}, {}, ""),
        ({"group": "kind"}, {"group_by": "kind"}, "--group-by=kind"),
        ({"group": "*"}, {"group_by": ""}, "--no-groups"),
        ({"diverse": "1"}, {"diverse": True}, "--diverse"),
        ({"twins": "1"}, {"twins": True}, "--twins"),
    ):
        page = html.unescape(get(client, "/catalogue", text=text, k="3", **fields).text)
        expected = [hit.item.id for hit in index.similar(text, k=3, **shape)]
        assert found_in(page) == expected, fields
        assert f"-k 3 {said}".strip() in page
        for name, value in shape.items():
            assert f", {name}={value!r})" in page
    assert found_in(page)[0] == "g1"
    assert 'name="twins" value="1" checked' in page
    refused = client.get("/catalogue", params={"text": text, "group": "nope"})
    assert "no field &#39;nope&#39;" in refused.text


def test_the_fields_that_a_result_may_stand_for(client, tmp_path):
    assert '<option value="kind">kind</option>' in get(client, "/catalogue").text
    items = [Item(f"i{n}", "Lamp", f"A lamp, {n}", {"sku": f"s{n // 2}"}) for n in range(6)]
    explainer = open_explainer()
    index = CatalogueIndex.build(items, tmp_path / "idx", model=explainer, group_by="sku")
    with TestClient(
        make_app(Service({"letters": explainer}, indexes={"lamps": index})), base_url=HOME
    ) as own:
        page = get(own, "/catalogue", text="A lamp", k="5").text
        assert re.findall(r'<option value="(\*?)"[^>]*>(sku|item)<', page) == [
            ("", "sku"),
            ("*", "item"),
        ]
        assert len(found_in(page)) == 3
        assert len(found_in(get(own, "/catalogue", text="A lamp", k="5", group="*").text)) == 5


def test_why_an_item_is_not_here(service, client):
    fields = {"text": "knit gloves for winter", "k": "1"}
    standing = service.index("shop").index.rank_of("s2", text=fields["text"])
    page = html.unescape(get(client, "/catalogue", **fields, missing="s2").text)
    assert "Silk scarf: not here" in page
    assert f"number {standing.rank} of 6" in page
    assert 'id="missing"' in page
    first = service.index("shop").index.similar(fields["text"], k=1)[0].item.id
    assert "here, as number 1" in get(client, "/catalogue", **fields, missing=first).text
    gone = get(client, "/catalogue", **fields, missing="g1", **{"is.kind": "hats"}).text
    assert "the filter leaves it out" in gone
    assert "has no item with the id" in get(client, "/catalogue", **fields, missing="x9").text


def test_the_words_that_an_item_lacks():
    explainer = open_explainer()
    query = "warm zzz gloves"
    missed = explainer.explain(query, "zzz")
    others = [explainer.explain(query, text) for text in ("gloves", "warm gloves", "gloves zzz")]
    counts = {}
    for other in others:
        for index in {pair.left for pair in other.pairs}:
            counts[index] = counts.get(index, 0) + 1
    for pair in missed.pairs:
        counts.pop(pair.left, None)
    expected = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    assert expected
    words = [word.text for word in missed.left.words]
    assert list(missing_words(missed, others)) == [f"{words[i]} ({n} of 3)" for i, n in expected]


def test_conditions_are_written_so_that_names_stay_names():
    asked = Asked(
        {
            "is.a`b": ('x"y', "z"),
            "is.new": ("yes",),
            "from.p q": ("−2",),
            "where": ("c = 1 or d = 2",),
        }
    )
    said = SearchQuestion.of(asked).condition(frozenset({"new"}))
    assert said == '`a``b` in ("x""y", "z") and `new` = true and `p q` >= -2.0 and (c = 1 or d = 2)'
    assert SearchQuestion.of(Asked({})).condition(frozenset()) is None
    for bad in ("nan", "1e999", "x"):
        with pytest.raises(OptionError, match="give a number"):
            SearchQuestion.of(Asked({"to.p": (bad,)})).condition(frozenset())


def test_a_link_is_left_out_when_it_would_be_cut():
    assert Asked({"a": ("x" * (LONGEST_LINK - 2),)}).link() != ""
    assert Asked({"a": ("x" * (LONGEST_LINK - 1),)}).link() == ""
    assert Asked({"a": ("1",), "b": ("2",)}).link(a="", c="3") == "b=2&c=3"


# The evaluation


def test_a_run_is_shown_down_to_its_samples(client):
    page = get(client, "/evaluate").text
    assert "fashion &lt;b&gt;" in page
    assert "ig on fashion" in page
    link = html.unescape(re.search(r'href="(/evaluate/samples[^"]*)"', page)[1])
    samples = client.get(link).text
    rows = re.findall(r'<tr><th scope="row"><bdi>(\d+)</bdi></th>(.*?)</tr>', samples, re.S)
    assert [number for number, _ in rows] == ["1", "2", "3", "4"]
    values = [re.findall(r">([^<>]+)</td>", cells) for _, cells in rows]
    assert values == [["0.10", "0.00"], ["0.40", "0.10"], ["0.20", "−0.10"], ["–", "0.05"]]


def test_runs_are_only_those_that_are_served(client):
    for run in ("../run", "other", "/etc"):
        assert get(client, "/evaluate", run=run).status_code == 404
    assert get(client, "/evaluate/samples", run="run", dataset="x", metric="y").status_code == 404


def test_a_damaged_run_is_said_without_its_place(tmp_path):
    service = make_service(tmp_path)
    (tmp_path / "run" / "leaderboard.json").write_text(
        json.dumps({"format": "whyalike/leaderboard", "version": 1})
    )
    page = get(TestClient(make_app(service), base_url=HOME), "/evaluate").text
    assert "can’t be read" in page
    assert str(tmp_path) not in page
    service.close()


def test_a_server_with_little_still_has_all_pages():
    from whyalike.web.api.service import Service

    service = Service({"letters": open_explainer()})
    client = TestClient(make_app(service), base_url=HOME)
    assert "whyalike serve --index" in get(client, "/catalogue").text
    assert "whyalike serve --results" in get(client, "/evaluate").text
    assert get(client, "/catalogue", text="x").status_code == 200
    service.close()


def test_letters_are_what_the_tests_think():
    assert np.array_equal(count_letters(["ab a"])[0][:4], [0.3, 2, 1, 0])
