"""Nothing that a rater's browser receives tells which method made an explanation."""

import re

import pytest

fastapi = pytest.importorskip("fastapi", reason="needs the extra 'study'")

from dataclasses import replace  # noqa: E402

from fastapi.testclient import TestClient  # noqa: E402
from rating_studies import HOME, METHODS, answer, enter, explain, make_study  # noqa: E402

from whyalike.explanation import Word, WordPair  # noqa: E402
from whyalike.study import open_storage, plan  # noqa: E402
from whyalike.web import create_rating_app  # noqa: E402
from whyalike.web.pages import (  # noqa: E402
    SHARED,
    Assets,
    Pages,
)
from whyalike.web.rating.rating_app import HERE  # noqa: E402
from whyalike.web.rating.session import view_stimulus  # noqa: E402


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), checks=2, repeats=2)


@pytest.fixture(scope="module")
def received(study):
    """Everything that the browser of a rater receives on its whole way, whose last part is left."""
    storage = open_storage(study)
    kept = []

    class Listening(TestClient):
        def request(self, *args, **options):
            page = super().request(*args, **options)
            for one in (*page.history, page):
                kept.append((one.request.url.path, f"{one.url}\n{one.headers}\n{one.text}"))
            return page

    client = Listening(create_rating_app(study, storage), base_url=HOME)
    rater = storage.add_rater("Ann")
    client.get("/")
    client.get(f"/r/{rater.token}")
    page = enter(client, rater.token)
    for n in range(len(plan(study, 0))):
        for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
            client.get(asset)
        for accept in ("text/html", "application/json"):
            client.get("/nothing", headers={"accept": accept})
        page = answer(client, page, 1 + n % 5)
    assert page.url.path == "/done"
    client.get("/pause")
    client.get("/admin")
    storage.close()
    return kept


def test_no_name_id_or_kind_is_in_anything_received(study, received):
    assert {path for path, _ in received} > {"/done", "/assets/rating.js", "/rate/2", "/nothing"}
    secret = [*METHODS, study.model, *(one.id for one in study.stimuli)]
    secret += [one.id for one in (*study.checks, *study.practice)]
    secret += [one.sha256 for one in study.stimuli]
    for path, text in received:
        for word in secret:
            assert word not in text, f"{word} on {path}"


def test_checks_and_repeats_look_like_all_others(study, received):
    screens = {
        path: text
        for path, text in received
        if re.fullmatch(r"/rate/\d+", path) and "<article" in text
    }
    assert len(screens) == len(plan(study, 0))

    def bones(text):
        """The page without texts, numbers, pairs and seals: what may differ."""
        text = re.sub(r"<article.*?</article>", "", text, flags=re.DOTALL)
        text = re.sub(r'(name="(?:shown|client_key|seal)" value=")[^"]*', r"\1", text)
        text = re.sub(r'<a id="back".*?</a>|, <kbd>←</kbd> goes back', "", text)
        return re.sub(r"\s+", " ", re.sub(r"\d+", "0", text))

    found = {bones(screens[f"/rate/{task.position + 1}"]) for task in plan(study, 0)[1:]}
    assert len(found) == 1


def test_nothing_is_drawn_while_a_rater_waits(study, tmp_path, monkeypatch):
    """How long a stimulus takes to draw could tell the method; so that is over by then."""
    storage = open_storage(study, database=f"sqlite:///{tmp_path}/study.db")
    client = TestClient(create_rating_app(study, storage), base_url=HOME)
    drawn, draw_page = [], Pages.draw

    def listen(pages, template, **content):
        drawn.append(template)
        return draw_page(pages, template, **content)

    monkeypatch.setattr(Pages, "draw", listen)
    answer(client, enter(client, storage.add_rater().token), 5)
    storage.close()
    assert "rate.html.j2" in drawn
    assert "stimulus.html.j2" not in drawn


def draw(explanation):
    own = {name: [HERE / "static" / name] for name in ("rating.css", "rating.js")}
    pages = Pages("x", Assets({**SHARED, **own}), [HERE / "templates"])
    return pages.draw("stimulus.html.j2", stimulus=view_stimulus(explanation))


def test_methods_that_find_the_same_are_drawn_the_same():
    """Whatever else an explanation says would tell the method, and is not drawn."""
    plain = explain("warm wool scarf", "a scarf of wool")

    def louder(side):
        words = tuple(replace(word, contribution=-0.25) for word in side.words)
        return replace(side, words=words, unmatched=(1, 2))

    loud = replace(
        plain,
        method="integrated_jacobians",
        model="secret-model",
        similarity=-3.5,
        similarity_function="euclidean",
        pooling="paper",
        left=louder(plain.left),
        right=louder(plain.right),
        warnings=("a warning",),
        completeness_gap=0.25,
        remainder=0.125,
        pair_contributions=((0.5,) * 4,) * 3,
        matches=(WordPair(2, 3, 0.125, 0.0625),),
        pairs=tuple(replace(pair, similarity=0.5) for pair in plain.pairs),
    )
    assert draw(loud) == draw(plain)


def test_a_method_without_a_limit_of_length_is_drawn_as_one_with_it():
    whole = explain("one two three four", "one two")
    cut = replace(whole.left, words=whole.left.words[:3], unread_words=1)
    short = replace(whole, left=cut)
    assert "read by the model" not in draw(short)
    rest = replace(whole, left=replace(cut, unread_words=0))
    assert draw(short) == draw(rest)
    assert " four</div>" in draw(short)


def test_a_text_of_which_nothing_is_marked_is_shown_as_it_is():
    one = explain("warm wool scarf", "a scarf")
    bare = draw(replace(one, left=replace(one.left, words=()), pairs=(), matches=()))
    assert "warm wool scarf</div>" in bare
    assert "nothing to explain" not in bare
    assert "No pairs are marked" in bare


def test_signs_are_not_drawn():
    one = explain("warm wool", "cold wool", weights=(-0.5, 1.0))
    zero = explain("warm wool", "cold wool", weights=(0.0, 1.0))
    assert draw(one) == draw(zero)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'; alert(1); '",
        "{{ 7 * 7 }} {% raw %}",
        "</article></main><h1>x</h1>",
        "javascript:alert(1)",
        "&lt;b&gt; &amp; \u202e \x07 \ud800",
    ],
)
def test_texts_from_strangers_stay_texts(text):
    words = (Word(text, 0, len(text), 1.0),)
    one = explain("a", "b")
    side = replace(one.left, text=text, words=words)
    markup = draw(replace(one, left=side, right=side, pairs=(WordPair(0, 0, 1, 1),)))
    bare = draw(replace(one, pairs=(WordPair(0, 0, 1, 1),)))
    tags = re.compile(r"<[^>]*>")
    shape = re.compile(r"(?<==\")[^\"]*|\d+")
    assert [shape.sub("", tag) for tag in tags.findall(markup)] == [
        shape.sub("", tag) for tag in tags.findall(bare)
    ]
    assert "49" not in markup
