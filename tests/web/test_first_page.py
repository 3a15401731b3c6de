"""The first page without a browser: examples, methods in plain words, names of tabs and files."""

import html
import re
from urllib.parse import unquote

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, open_explainer
from fastapi.testclient import TestClient

from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.methods.method import list_methods
from whyalike.statistics import Interval
from whyalike.web.api.service import Service
from whyalike.web.explorer.asking import PAIRS
from whyalike.web.explorer.choosing import (
    GROUPS,
    WORDS,
    choices_of,
    grouped,
    say_seconds,
    say_trust,
)
from whyalike.web.explorer.drawing import file_name, page_title
from whyalike.web.explorer.pair import pairs_by_step
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"
TOKEN = "0123456789abcdef-Zurich"


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def test_each_kind_of_example_asks_a_question_and_has_an_answer(client):
    page = client.get("/").text
    kinds = ["Search miss", "False friend", "Negation", "Two products", "Long passage"]
    assert [one.name for one in PAIRS] == [*kinds, "Two languages"]
    for one in PAIRS:
        assert one.asks.endswith("?")
        assert f"<b>{html.escape(one.asks)}</b><i>{one.name}</i>" in page
        answer = client.get(one.link)
        assert answer.status_code == 200
        assert 'class="wa-verdict"' in answer.text
        assert html.escape(one.texts[0], quote=False) in answer.text
    long = client.get(PAIRS[4].link).text
    assert 'class="wa-sentence-value"' in long, "each sentence has what was measured of it"


def test_with_a_background_the_scale_is_that_of_its_random_pairs(tmp_path):
    texts = tmp_path / "usual.txt"
    texts.write_text(
        "\n".join(f"{kind} number {n}" for n in range(20) for kind in ("hat", "scarf"))
    )
    explainer = open_explainer().with_background(texts.read_text().splitlines())
    made = Service({"letters": explainer})
    client = TestClient(make_app(made), base_url=HOME)
    page = client.get("/", params={"left": "hat number 3", "right": "hat number 4"}).text
    found = explainer.explain("hat number 3", "hat number 4").background
    assert f"of random pairs of {found.texts} texts" in page
    needle = re.search(r'<circle class="wa-dot" cx="([\d.]+)%"', page)[1]
    assert float(needle) == pytest.approx(found.percentile, abs=0.01)
    assert "background=...," in html.unescape(page)
    assert "--background background.txt" in page
    made.close()


# Methods in plain words


@pytest.fixture(scope="module")
def encoder_service():
    made = Service({"tiny": Explainer(tiny("bert").parts), "letters": open_explainer()})
    yield made
    made.close()


def test_every_method_of_ours_has_words_of_its_own():
    names = {method.name for method in list_methods()}
    assert set(WORDS) == names
    plain = [name for _, name, _ in WORDS.values()]
    assert len(set(plain)) == len(plain)
    assert {group for group, *_ in WORDS.values()} == {*GROUPS} - {"other"}
    exact = [method for method in list_methods() if WORDS[method.name][0] == "exact"]
    assert all("sums" in method.promises for method in exact), "nothing is left"
    controls = {name for name, (group, *_) in WORDS.items() if group == "control"}
    assert controls >= {one.name for one in list_methods() if one.summary.startswith("control")}


def test_groups_have_each_method_once_and_the_recommended_one_first(encoder_service):
    served = encoder_service.model("tiny")
    choices = choices_of(served)
    groups = grouped(choices, served.explainer.method.name)
    assert [one.name for one in groups[0].choices] == [served.explainer.method.name]
    names = [one.name for group in groups for one in group.choices]
    assert sorted(names) == sorted(one.name for one in served.methods)
    titles = [group.name for group in groups]
    wanted = ["Recommended", "Exact", "By deleting words", "The paper’s"]
    assert [title for title in titles if title in wanted] == wanted
    assert titles[-1] == "Controls"
    by_name = {one.name: one for one in choices}
    assert "18 passes" not in by_name["bti"].cost
    assert int(re.search(r"([\d,]+) passes", by_name["occlusion"].cost)[1]) > 10
    assert by_name["random"].cost.endswith("1 pass of the model")


def test_the_menu_has_plain_words_first_and_the_panel_says_what_each_answers(encoder_service):
    client = TestClient(make_app(encoder_service), base_url=HOME)
    page = client.get("/", params={"left": LEFT, "right": RIGHT, "model": "tiny"}).text
    menu = re.search(r'<select[^>]*name="method".*?</select>', page, re.S)[0]
    assert re.findall(r'<optgroup label="([^"]*)"', menu)[:2] == ["Recommended", "Exact"]
    assert '<option value="occlusion">Each word deleted alone · occlusion</option>' in menu
    for _, plain, answers in WORDS.values():
        if html.escape(plain) in menu:
            assert html.escape(answers) in page
    assert page.index("<b>Each word deleted alone</b>") < page.index("<code>occlusion</code>")
    # Without scripts: boxes to tick, in a form with a button.
    assert re.search(r'type="checkbox" name="beside" value="occlusion"', page)


def board(figures, *, model="m", metric="aopc_deletion"):
    """A run with the figures of methods: mean, low and high."""
    entries = tuple(
        Entry(
            dataset="fashion",
            method=method,
            metric=metric,
            figure=Interval(*figure, count=100),
            values=(figure[0],) * 100,
        )
        for method, figure in figures.items()
    )
    return Leaderboard(
        entries=entries, model=model, pooling="model", version="0", items={"fashion": 100}
    )


def test_reliable_is_what_takes_more_than_random_words_do():
    measured = board(
        {"bti": (0.30, 0.25, 0.35), "occlusion": (0.12, 0.08, 0.16), "random": (0.1, 0.06, 0.14)}
    )
    said, is_good = say_trust("bti", [measured])
    assert is_good is True
    assert said == (
        "Reliable on this model: without its words the score falls by 0.300, without random ones "
        "by 0.100 (fashion, 100 pairs)."
    )
    said, is_good = say_trust("occlusion", [measured])
    assert is_good is False, "its interval meets that of chance"
    assert said.startswith("Not shown to be better than chance")
    assert say_trust("shapley", [measured]) == ("", None)
    assert say_trust("random", [measured], is_control=True) == ("", None)
    alone = board({"bti": (0.3, 0.2, 0.4)})
    assert say_trust("bti", [alone]) == ("", None), "nothing to compare it with"


def test_only_runs_on_the_same_model_say_something_of_it(encoder_service):
    served = encoder_service.model("tiny")
    figures = {"bti": (0.30, 0.25, 0.35), "random": (0.1, 0.06, 0.14)}
    own = board(figures, model=served.explainer.model.name)
    other = board(figures, model="another")
    for boards, trusted in (([other], []), ([other, own], ["bti"])):
        found = [one.name for one in choices_of(served, boards=boards) if one.trust]
        assert found == trusted


@pytest.mark.parametrize(
    ("seconds", "says"), [(0.02, "under 0.1 s"), (0.44, "about 0.4 s"), (31.4, "about 31 s")]
)
def test_a_time_has_the_digits_of_an_estimate(seconds, says):
    assert say_seconds(seconds) == says


# The slider


@pytest.mark.parametrize("method", ["occlusion", "random", "shared_words"])
@pytest.mark.parametrize("inclusive", [False, True])
def test_the_slider_knows_how_many_pairs_each_of_its_steps_shows(method, inclusive):
    explainer = open_explainer().with_method(method)
    explainer.options = BTIOptions(top_k_inclusive=inclusive)
    texts = "warm gloves for phones in winter", "gloves that are warm in the winter"
    found = explainer.explain(*texts)
    steps = pairs_by_step(found)
    slow = []
    for top_k in range(1, len(steps) + 2):
        explainer.options = BTIOptions(top_k=top_k, top_k_inclusive=inclusive)
        slow.append(len(explainer.explain(*texts).pairs))
    assert [*steps, steps[-1]] == slow
    assert steps[-1] > 1


# Names of tabs and files


def test_every_tab_is_named_by_what_it_shows(client):
    def title(path):
        return html.unescape(re.search("<title>(.*?)</title>", client.get(path).text)[1])

    paths = {
        "/": "Pair · whyalike",
        f"/?left={LEFT}&right={RIGHT}": f"{LEFT} – {RIGHT} · Pair · whyalike",
        "/compare?query=hat&first=wool&second=silk": "hat – wool · Compare · whyalike",
        "/catalogue": "Catalogue · whyalike",
        "/catalogue?text=warm+hat": "warm hat · Catalogue · whyalike",
        "/evaluate": "run · Evaluate · whyalike",
        "/api/docs": "API · whyalike",
    }
    assert {path: title(path) for path in paths} == paths
    part = client.post(
        "/", data={"left": LEFT, "right": RIGHT}, headers={"X-Whyalike-Part": "result"}
    )
    assert f'data-title="{LEFT} – {RIGHT} · Pair"' in part.text


def test_a_tab_is_named_by_the_beginnings_of_long_texts():
    said = page_title("Pair", "word " * 40, "short")
    assert said.endswith("… – short · Pair")
    assert len(said) < 60


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (
            f"/pair/json?left={LEFT}&right={RIGHT}",
            "whyalike-warm-gloves-for-phones-mittens-to-text-with",
        ),
        ("/compare/html?query=hat&first=wool&second=silk", "whyalike-hat-wool-silk"),
        ("/catalogue/json?text=warm+hat", "whyalike-warm-hat"),
        ("/catalogue/json?item=s1", "whyalike-wool-scarf"),
        ("/pair/json?left=müde+Füße&right=../a;%22b", "whyalike-müde-füße-a-b"),
    ],
)
def test_a_file_is_named_by_what_is_in_it(client, path, name):
    said = client.get(path).headers["content-disposition"]
    assert said.isascii()
    form = path.split("?")[0].rsplit("/", 1)[1]
    assert unquote(re.search(r"filename\*=UTF-8''(\S+)$", said)[1]) == f"{name}.{form}"
    plain = re.search(r'filename="([^"]*)"', said)[1]
    assert plain == name.encode("ascii", "ignore").decode() + f".{form}"


def test_a_file_s_name_is_short_and_never_only_punctuation():
    assert file_name("!?", "…") == "whyalike"
    assert len(file_name("word " * 900, "another " * 900)) <= 70
    assert "/" not in file_name("a/b\\c", "d:e")


# From page to page


def test_texts_go_from_the_pair_to_the_comparison_and_back(client):
    page = client.get("/", params={"left": LEFT, "right": RIGHT}).text
    there = html.unescape(re.search(r'href="(/compare\?[^"]*)"', page)[1])
    compared = client.get(there)
    assert f">\n{LEFT}</textarea>" in compared.text
    assert f">\n{RIGHT}</textarea>" in compared.text
    whole = client.get("/compare", params={"query": LEFT, "first": RIGHT, "second": "silk"}).text
    links = [html.unescape(one) for one in re.findall(r'class="ex-small" href="(/[^"]*)"', whole)]
    swap, first, second = [one for one in links if "html?" not in one][:3]
    swapped = client.get(swap).text
    boxes = re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', swapped)
    assert boxes == [("query", LEFT), ("first", "silk"), ("second", RIGHT)]
    for link, text in ((first, RIGHT), (second, "silk")):
        boxes = re.findall(
            r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', client.get(link).text
        )
        assert boxes == [("left", LEFT), ("right", text)]


def test_what_is_too_long_for_a_link_goes_as_a_form(client):
    long = "touchscreen gloves " * 400
    page = client.post("/", data={"left": long, "right": RIGHT, "method": "random"}).text
    form = re.search(
        r'<form class="ex-move" action="/compare" method="post">(.*?)</form>', page, re.S
    )
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1]))
    assert fields["query"].split() == long.split()
    assert fields["first"] == RIGHT


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("zip", "a warm hat", "Text B is scored above text A"),
        ("a warm hat", "zip", "Text A is scored above text B"),
    ],
)
def test_a_comparison_says_which_of_the_two_boxes_it_means(client, first, second, says):
    asked = {"query": "warm hat", "first": first, "second": second}
    page = client.get("/compare", params=asked).text
    verdict = re.search(r'<h2 class="wa-verdict"[^>]*>(.*?)</h2>', page, re.S)[1]
    assert verdict.strip().startswith(says)
    higher, lower = ("A", "B") if first == "a warm hat" else ("B", "A")
    assert f"Text {higher}, scored higher" in page
    assert f"Text {lower}, scored lower" in page
    assert f">Text {higher}</th>" in page
    # The query leads, and the tables follow.
    article = page[page.index('<article class="whyalike wa-comparison"') :]
    assert article.index(">Query</h3>") < article.index("scored higher</h3>")
    assert article.index("scored higher</h3>") < article.index("Word by word of the query")


# What stands on each page


def test_the_menu_is_on_every_page_also_on_that_of_the_api_and_of_errors(client):
    pages = [
        "/",
        "/compare",
        "/rank",
        "/pairs",
        "/catalogue",
        "/diagnose",
        "/evaluate",
        "/api/docs",
    ]
    for path in (*pages, "/nothing"):
        page = client.get(path, headers={"accept": "text/html"}).text
        menu = page[page.index('<nav class="web-nav"') : page.index("</nav>")]
        assert re.findall(r'<a href="(/[^"]*)"', menu) == pages, path
        current = re.findall(r'<a href="([^"]*)" aria-current="page">', page)
        assert current == ([] if path == "/nothing" else [path])
        assert "Log out" not in page


def test_who_was_let_in_can_leave(service):
    app = create_explorer_app(service, token=TOKEN)
    browser = TestClient(app, base_url=HOME, follow_redirects=False)
    login = browser.get("/login").text
    assert "Log out" not in login
    assert "web-nav" not in login
    assert browser.post("/login", data={"token": TOKEN}).status_code == 303
    assert '<form class="web-logout" action="/logout" method="post">' in browser.get("/").text
    left = browser.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert browser.get("/").headers["location"].startswith("/login")
    assert browser.get("/logout").status_code in (303, 405), "a link alone logs nobody out"
