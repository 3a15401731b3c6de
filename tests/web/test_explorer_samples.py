"""The samples of a finished run: their texts, their order, and the way to their explanation."""

import html
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from raising import raises

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, open_explainer
from fastapi.testclient import TestClient

from whyalike.errors import OptionError
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.evaluation.perturbed import order_words
from whyalike.evaluation.results import file_of_pairs, write_pair_texts
from whyalike.statistics import mean_interval
from whyalike.web.api.service import Service
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.evaluate import SAMPLES_SHOWN, SampleOrder, sort_samples

HOME = "http://127.0.0.1:8000"
DATASET, METRIC = "shop <b>", "aopc_deletion"
COUNT = SAMPLES_SHOWN + 5
LONG = "größe " * 450
TEXTS = [
    ("warm gloves", "mittens of wool"),
    ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'),
    (LONG, "short"),
    *((f"left {n}", f"right {n}") for n in range(3, COUNT)),
]
VALUES = {
    "occlusion": [0.5, 0.1, None, *(0.01 * n for n in range(3, COUNT))],
    "random": [0.4, -0.3, 0.2, *(0.02 * n for n in range(3, COUNT - 1)), None],
    "bti": [0.0] * COUNT,
}


def make_entry(method, values):
    known = [value for value in values if value is not None]
    return Entry(
        dataset=DATASET,
        method=method,
        metric=METRIC,
        figure=mean_interval(known),
        values=tuple(values),
    )


ENTRIES = tuple(make_entry(method, values) for method, values in VALUES.items())


def make_run(folder, *, texts=TEXTS, model="count_letters"):
    board = Leaderboard(
        entries=ENTRIES, model=model, pooling="model", version="0", items={DATASET: COUNT}
    )
    folder.mkdir()
    (folder / "leaderboard.json").write_text(json.dumps(board.to_dict()))
    if texts is not None:
        write_pair_texts({DATASET: texts}, folder)
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    runs = {
        "run": make_run(base / "run"),
        "textless": make_run(base / "textless", texts=None),
        "fewer": make_run(base / "fewer", texts=TEXTS[:4]),
        "elsewhere": make_run(base / "elsewhere", model="unknown <i>"),
    }
    (make_run(base / "broken") / file_of_pairs(DATASET)).write_text("{")
    service = Service({"letters": open_explainer()}, results={**runs, "broken": base / "broken"})
    yield TestClient(make_app(service), base_url=HOME)
    service.close()


def get(client, run="run", **fields):
    asked = {"run": run, "dataset": DATASET, "metric": METRIC, **fields}
    return client.get("/evaluate/samples", params=asked)


def numbers(page):
    return [int(one) for one in re.findall(r"<h3>Sample (\d+)", page)]


def card(page, number):
    found = re.search(rf"<h3>Sample {number}\b.*?</li>", page, re.S)
    return found[0]


# The order


def by_hand(by, minus, direction):
    """Samples from 1 in their order, found by picking the best of what is left."""
    left, found = list(range(COUNT)), []

    def key(sample):
        values = [VALUES[method][sample] for method in (by, minus) if method]
        return None if None in values else values[0] - sum(values[1:])

    while left:
        best = left[0]
        for sample in left[1:]:
            own, other = key(sample), key(best)
            if own is None:
                continue
            if other is None or (own > other if direction == "down" else own < other):
                best = sample
        left.remove(best)
        found.append(best + 1)
    return found


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("minus", ["", "random", "bti"])
def test_samples_are_sorted_by_a_figure_or_a_difference(client, minus, direction):
    expected = by_hand("occlusion", minus, direction)
    asked = {"by": "occlusion", "minus": minus, "direction": direction}
    first = get(client, **asked).text
    assert numbers(first) == expected[:SAMPLES_SHOWN]
    onward = html.unescape(re.search(r'href="([^"]*)">More samples', first)[1])
    assert numbers(client.get(onward).text) == expected[SAMPLES_SHOWN:]
    back = re.search(r'href="([^"]*)">Those before', client.get(onward).text)[1]
    assert numbers(client.get(html.unescape(back)).text) == expected[:SAMPLES_SHOWN]


def test_what_has_no_figure_comes_last_in_either_order():
    for direction in ("down", "up"):
        found = sort_samples(ENTRIES, SampleOrder("occlusion", "random", direction))
        assert [sample for sample, by in found if by is None] == [2, COUNT - 1]
        assert [by for _, by in found[-2:]] == [None, None]


def test_differences_are_written_with_their_sign(client):
    page = get(client, by="occlusion", minus="random").text
    assert "difference <b>+0.400</b>" in card(page, 2)
    assert "by occlusion less random, highest first" in page
    plain = get(client, by="occlusion").text
    assert "difference" not in plain
    assert "by occlusion, highest first" in plain
    assert "in the order of the run" in get(client).text


def test_a_method_less_itself_is_the_method():
    asked = Asked({"by": ("bti",), "minus": ("bti",)})
    assert SampleOrder.of(asked, ["bti"]).minus == ""
    assert SampleOrder.of(Asked({"minus": ("bti",)}), ["bti"]) == SampleOrder("", "", "down")


@pytest.mark.parametrize("name", ["by", "minus", "direction", "start"])
def test_an_order_that_is_none_is_refused(client, name):
    answer = get(client, **{name: "<script>"})
    assert answer.status_code == 422
    assert "<script>" not in answer.text.replace('<script type="module"', "")
    if name != "start":
        with raises(OptionError, "'x'"):
            SampleOrder.of(Asked({name: ("x",)}), ["bti"])


# The texts


def test_texts_are_shown_escaped_and_shortened(client):
    page = get(client).text
    assert [
        html.unescape(one) for one in re.findall(r'<p dir="auto">(.*?)</p>', card(page, 1))
    ] == [*TEXTS[0]]
    attacked = card(page, 2)
    assert "<script" not in attacked
    assert "<img" not in attacked
    assert html.unescape(re.search(r'<p dir="auto">(.*?)</p>', attacked)[1]) == TEXTS[1][0]
    (long, _) = re.findall(r'<p dir="auto">(.*?)</p>', card(page, 3))
    assert 200 < len(long) <= 320
    assert long.endswith("…")
    figures = re.findall(r"<bdi>(\w+)</bdi></dt><dd[^>]*>([^<]+)</dd>", card(page, 2))
    assert dict(figures) == {"occlusion": "0.10", "random": "−0.30", "bti": "0.00"}
    assert dict(re.findall(r"<bdi>(\w+)</bdi></dt><dd[^>]*>([^<]+)</dd>", card(page, 3))) == {
        "occlusion": "–",
        "random": "0.20",
        "bti": "0.00",
    }


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("textless", "were not kept"),
        ("fewer", "is damaged, or of other pairs"),
        ("broken", "is damaged, or of other pairs"),
    ],
)
def test_without_texts_the_figures_stand_alone_and_it_says_why(client, run, says):
    page = get(client, run, by="occlusion").text
    assert says in page
    assert numbers(page) == []
    rows = re.findall(r'<tr><th scope="row"><bdi>(\d+)</bdi></th>', page)
    assert [int(row) for row in rows] == by_hand("occlusion", "", "down")[:SAMPLES_SHOWN]


# The way to the explanation


def test_a_pair_is_explained_by_what_it_was_sorted_by(client):
    page = get(client, by="occlusion", minus="random").text
    link = html.unescape(re.search(r'href="(/\?[^"]*)"', card(page, 1))[1])
    assert parse_qs(urlsplit(link).query) == {
        "left": [TEXTS[0][0]],
        "right": [TEXTS[0][1]],
        "model": ["letters"],
        "method": ["occlusion"],
        "beside": ["random"],
    }
    answer = client.get(link)
    assert answer.status_code == 200
    assert "explained by 2 methods" in answer.text


def test_a_method_that_the_server_lacks_is_not_asked_for(client):
    # The letters are no model into which bti could look.
    page = get(client, by="bti").text
    link = html.unescape(re.search(r'href="(/\?[^"]*)"', card(page, 1))[1])
    assert "method" not in parse_qs(urlsplit(link).query)
    assert client.get(link).status_code == 200
    plain = get(client).text
    assert "by random</span>" in card(plain, 1) or "by occlusion</span>" in card(plain, 1)


def test_long_texts_go_to_the_pair_page_by_a_form(client):
    found = card(get(client, by="random").text, 3)
    assert 'action="/" method="post"' in found
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found)
    }
    assert fields == {
        "left": LONG,
        "right": "short",
        "model": "letters",
        "method": "random",
    }
    answer = client.post("/", data=fields)
    assert answer.status_code == 200
    assert 'id="result"' in answer.text
    assert "wa-text" in answer.text


def test_another_model_is_said(client):
    page = get(client, "elsewhere").text
    assert "the model of this run, unknown &lt;i&gt;, is not served" in page
    link = html.unescape(re.search(r'href="(/\?[^"]*)"', card(page, 1))[1])
    assert "model" not in parse_qs(urlsplit(link).query)
    assert "is not served" not in get(client).text


# What each method deletes


def test_a_sample_shows_the_words_that_each_method_deletes(client):
    page = get(client).text
    link = html.unescape(re.search(r'<a href="(/evaluate/deleted[^"]*sample=1)"', page)[1])
    whole = client.get(link)
    assert whole.status_code == 200
    alone = client.get(link, headers={"X-Whyalike-Part": "result"}).text
    assert "<html" not in alone
    explainer = open_explainer()
    sections = re.findall(r'<div role="group" aria-label="([^"]*)">(.*?)\n</div>', alone, re.S)
    able = [method for method in VALUES if method in dict(sections)]
    assert able
    for method, section in sections:
        found = explainer.with_method(method).explain(*TEXTS[0])
        order = order_words(found.left, marks=False, seed=0).ranked.tolist()
        struck = re.findall(r"<del>([^<]*)</del><sup>(\d+)</sup>", section.split("</p>")[1])
        said = {int(place): html.unescape(word) for word, place in struck}
        first = [found.left.words[n].text for n in order[:5]]
        assert [said[place] for place in sorted(said)] == first, method
    assert client.get(link.replace("sample=1", "sample=99")).status_code == 404
    assert client.get(link.replace("sample=1", "sample=x")).status_code == 422
