"""Words deleted and replaced on the page of a pair: the figures are the library's own."""

import html
import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, open_explainer
from fastapi.testclient import TestClient

from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.texts import find_words, keep_words
from whyalike.web.api.service import Service
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.edits import edited_texts, read_edits, say_edits, sides_of

HOME = "http://127.0.0.1:8000"
LEFT, RIGHT = "warm gloves, for (small) phones", "mittens to text with"
PART = {"X-Whyalike-Part": "result"}


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def edits_of(*said, **fields):
    return read_edits(Asked({"edit": said, **{name: (one,) for name, one in fields.items()}}))


def score_of(markup):
    return float(re.search(r'data-edit data-score="([^"]*)"', markup)[1])


def fields_of(markup, form):
    """The fields that a form of the answer sends."""
    inside = re.search(rf"<form[^>]*{form}.*?</form>", markup, re.S)[0]
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', inside)
    return {name: html.unescape(value) for name, value in found}


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_word_is_deleted_as_the_library_deletes_it(client, side):
    text = {"left": LEFT, "right": RIGHT}[side]
    spans = find_words(text)
    for n in range(len(spans)):
        part = client.post(
            "/", data={"left": LEFT, "right": RIGHT, "edit": f"{side}.{n}"}, headers=PART
        ).text
        expected = keep_words(text, spans, [m != n for m in range(len(spans))])
        after = {"left": LEFT, "right": RIGHT, side: expected}
        fields = fields_of(part, "data-edit-form")
        assert (fields["left"], fields["right"]) == (after["left"], after["right"])
        assert score_of(part) == pytest.approx(
            open_explainer().explain(after["left"], after["right"]).similarity
        )


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_the_score_is_that_of_a_check_by_deletion(long_text):
    explainer = Explainer(tiny("bert").parts)
    texts = "wool hat warm wool gloves " * 5, "a warm hat of soft wool"
    asked = {"left": texts[0], "right": texts[1]}
    service = Service({"tiny": explainer})
    try:
        client = TestClient(make_app(service), base_url=HOME)
        found = explainer.explain(*texts, check=3)
        page = client.post("/", data=asked, headers=PART).text
        assert score_of(page) == found.similarity
        for pair, deletion in zip(found.pairs, found.checks.pairs, strict=False):
            edits = [f"left.{pair.left}", f"right.{pair.right}"]
            assert deletion.left == (pair.left,)
            part = client.post("/", data={**asked, "edit": edits}, headers=PART).text
            assert score_of(part) == pytest.approx(deletion.similarity, abs=1e-6)
            said = re.search(r'ex-change">([^<]*)<', part)[1].replace("\N{MINUS SIGN}", "-")
            assert float(said) == pytest.approx(-deletion.fall, abs=1e-3)
    finally:
        service.close()


def test_edits_made_together_are_all_of_the_text_that_was_shown():
    found = open_explainer().explain(LEFT, RIGHT)
    words = [word.text for word in found.left.words]
    assert words == ["warm", "gloves", ",", "for", "(", "small", ")", "phones"]
    texts = edited_texts(
        sides_of(found), edits_of("left.7=telephone", "left.0=", "right.3=by", "left.5=")
    )
    assert list(texts.values()) == ["gloves, for () telephone", "mittens to text by"]
    # The longer word does not move what is deleted behind it.
    texts = edited_texts(sides_of(found), edits_of("left.1=touchscreen mittens", "left.5"))
    assert texts["left"] == "warm touchscreen mittens, for () phones"
    assert edited_texts(sides_of(found), edits_of("left.1", **{"with": "hats"}))["left"].startswith(
        "warm hats,"
    )
    assert say_edits(sides_of(found), edits_of("left.0", "right.0=hats")) == (
        "“warm” deleted, “mittens” replaced by “hats”"
    )


def test_what_the_model_does_not_read_does_not_move_up():
    explainer = Explainer(tiny("bert").parts)
    explainer.options = explainer.options.__class__(long_text="truncate")
    long = " ".join(f"wool{n}" for n in range(explainer.model.limit + 50))
    found = explainer.explain(long, "a warm hat")
    read = len(found.left.words)
    assert found.left.unread_words > 0
    left = edited_texts(sides_of(found), edits_of("left.0"))["left"]
    assert left == long[found.left.words[1].start : found.left.words[read - 1].end]
    # A word that is replaced leaves the rest as it is.
    left = edited_texts(sides_of(found), edits_of("left.0=hat"))["left"]
    assert left == "hat" + long[found.left.words[0].end :]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (["left.99"], "8 words"),
        (["middle.0"], "give a side and a word"),
        (["left.²"], "give a side and a word"),
        (["left"], "give a side and a word"),
        ([f"left.{n}" for n in range(101)], "100 at most"),
        ([f"right.{n}" for n in range(4)], "No word of the right text would be left"),
        (["left.0", "left.1", "left.3", "left.5", "left.7"], "No word of the left text"),
    ],
)
def test_what_can_t_be_edited_is_said(client, said, says):
    with pytest.raises(OptionError, match=says):
        edited_texts(sides_of(open_explainer().explain(LEFT, RIGHT)), edits_of(*said))
    answer = client.post("/", data={"left": LEFT, "right": RIGHT, "edit": said})
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert f">\n{LEFT}</textarea>" in answer.text, "nothing that was typed is lost"


def test_by_the_form_alone_an_edit_is_made_and_undone(client):
    fields = {"left": LEFT, "right": RIGHT, "method": "occlusion", "top_k": "2"}
    page = client.post("/", data=fields).text
    assert '<option value="left.1">gloves</option>' in page
    sent = fields_of(page, "data-edit-form")
    assert sent == fields
    edited = client.post("/", data={**sent, "edit": "left.1", "with": "mittens"}).text
    assert ">\nwarm mittens, for (small) phones</textarea>" in edited
    assert "“gloves” replaced by “mittens”" in edited
    assert '<option value="occlusion" selected>' in edited
    # The link of what is shown is one of its texts, and not of how they came to be.
    link = re.search(r'data-link="([^"]*)"', edited)[1]
    assert "mittens%2C+for" in link
    assert "edit" not in link
    before, after = re.search(r'ex-score">([\d.]+) .*?<b>([\d.]+)</b>', edited, re.S).groups()
    change = re.search(r'ex-change">([^<]*)<', edited)[1].replace("\N{MINUS SIGN}", "-")
    assert float(change) == pytest.approx(float(after) - float(before), abs=1e-9)
    undone = client.post("/", data=fields_of(edited, 'class="ex-tried"')).text
    assert f">\n{LEFT}</textarea>" in undone
    assert score_of(undone) == score_of(page)


def test_of_long_texts_words_of_pairs_are_listed(client):
    long = " ".join(["warm gloves for phones"] * 120)
    page = client.post("/", data={"left": long, "right": RIGHT, "method": "random"}, headers=PART)
    listed = re.findall(r'<option value="(left|right)\.(\d+)">', page.text)
    assert 0 < len(listed) < 400
    assert "edit others in the boxes above" in page.text


def test_an_edit_of_what_was_kept_asks_the_model_for_the_new_texts_alone():
    explainer, asked = open_explainer(), []
    function = explainer.model._function

    def counted(texts):
        asked.extend(texts)
        return function(texts)

    explainer.model._function = counted
    service = Service({"letters": explainer})
    client = TestClient(make_app(service), base_url=HOME)
    client.post("/", data={"left": LEFT, "right": RIGHT})
    del asked[:]
    client.post("/", data={"left": LEFT, "right": RIGHT, "edit": "right.0"})
    assert asked
    assert RIGHT not in asked
    service.close()
