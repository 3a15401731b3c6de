"""Sentences and phrases of a pair, measured: by a score that is known, and by the model itself."""

import json

import pytest

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import FormatError, OptionError
from whyalike.sentences import split_sentences

ANSWER = "Money is paid back within two weeks. Hats are warm.\n\nWe sell money boxes."
VALUES = {"money": 3.0, "paid": 2.0, "weeks": 1.0, "warm": -1.0, "boxes": 0.5}


def by_value(pairs):
    """Each word of the right text adds its value, twice or once."""
    return [
        sum(VALUES.get(word.strip(".,").lower(), 0.0) for word in right.split())
        for _, right in pairs
    ]


def units_of(explanation, side="right"):
    text = getattr(explanation, side).text
    return {text[u.start : u.end]: u for u in getattr(explanation.units, side)}


def test_sentences_are_measured():
    found = Explainer(score=by_value).explain("money", ANSWER, unit="sentence")
    units = units_of(found)
    assert list(units) == [
        "Money is paid back within two weeks.",
        "Hats are warm.",
        "We sell money boxes.",
    ]
    # By hand: what each sentence's words are worth, and nothing else.
    assert [(u.fall, u.alone) for u in units.values()] == [(6.0, 6.0), (-1.0, -1.0), (3.5, 3.5)]
    assert found.units.left[0].fall is None  # Nothing would be left.
    assert found.units.left[0].alone == found.similarity
    assert Explainer(score=by_value).explain("money", ANSWER).units is None


def test_a_sentence_is_more_than_its_words_for_a_model():
    explainer = Explainer(tiny("bert").parts)
    text = f"{TEXTS[0]} {TEXTS[2]} {TEXTS[1]}"
    found = explainer.explain(TEXTS[1], text, unit="sentence")
    # The slow way: each pair by itself.
    without = [f"{TEXTS[2]} {TEXTS[1]}", f"{TEXTS[0]} {TEXTS[1]}", f"{TEXTS[0]} {TEXTS[2]}"]
    for unit, rest, alone in zip(found.units.right, without, (0, 2, 1), strict=True):
        score = explainer.explain(TEXTS[1], rest).similarity
        assert unit.fall == pytest.approx(found.similarity - score, abs=1e-5)
        score = explainer.explain(TEXTS[1], TEXTS[alone]).similarity
        assert unit.alone == pytest.approx(score, abs=1e-5)


def together(pairs):
    """ "new york" adds 4 only as both words stand there; any other word of VALUES its own."""
    return [4.0 * ("new york" in right) + by_value([("", right)])[0] for _, right in pairs]


def test_words_that_act_together_are_a_phrase():
    found = Explainer(score=together).explain("x", "money in new york, warm york", unit="phrase")
    units = units_of(found)
    assert list(units) == ["money", "in", "new york", "warm", "york"]
    phrase = units["new york"]
    # Without either word the 4 are gone, and no more without both.
    assert (phrase.fall, phrase.separate, phrase.alone) == (4.0, 8.0, None)
    assert (units["money"].fall, units["money"].separate) == (3.0, 3.0)


def test_words_that_add_up_stay_apart():
    found = Explainer(score=by_value).explain("x", "money paid weeks", unit="phrase")
    assert list(units_of(found)) == ["money", "paid", "weeks"]


def test_phrases_of_three_words_and_none_across_a_mark():
    def score(pairs):
        return [float(all(w in b for w in ("alpha", "beta", "gamma"))) for _, b in pairs]

    found = Explainer(score=score).explain("x", "so alpha beta gamma is", unit="phrase")
    assert "alpha beta gamma" in units_of(found)
    found = Explainer(score=score).explain("x", "so alpha, beta, gamma is", unit="phrase")
    assert all("," not in text for text in units_of(found))


def test_a_batch_is_as_each_alone():
    explainer = Explainer(tiny("bert").parts)
    pairs = [(TEXTS[0], f"{TEXTS[1]} {TEXTS[2]}"), (TEXTS[2], TEXTS[3]), ("", TEXTS[0])]
    for kind in ("sentence", "phrase"):
        together = list(explainer.explain_many(pairs, unit=kind))
        for pair, found in zip(pairs, together, strict=True):
            alone = explainer.explain(*pair, unit=kind)
            for one, other in zip(found.units.right, alone.units.right, strict=True):
                assert (one.start, one.end) == (other.start, other.end)
                assert one.fall == pytest.approx(other.fall, abs=1e-5)


def test_the_cost_is_what_is_sent():
    explainer = Explainer(score=by_value, method="occlusion")
    cost = explainer.cost([("money", ANSWER)], unit="sentence")
    more = cost.texts - explainer.cost([("money", ANSWER)]).texts
    assert more == 2 * 6  # pairs: three sentences, without each and each alone


def test_unread_sentences_are_left_out():
    text = " ".join(f"{one} Number {n}." for n, one in enumerate(TEXTS * 4))
    cut = Explainer(tiny("bert").parts).explain(TEXTS[0], text, unit="sentence")
    assert cut.right.unread_words
    assert cut.units.right[-1].end <= cut.right.read_until
    options = BTIOptions(long_text="windows")
    read = Explainer(tiny("bert").parts, options=options).explain(TEXTS[0], text, unit="sentence")
    assert read.units.right[-1].end == len(text)


def test_documents_hold_units_and_say_damage():
    found = Explainer(score=by_value).explain("money", ANSWER, unit="sentence")
    assert Explanation.from_json(found.to_json()) == found
    damaged = json.loads(found.to_json())
    damaged["units"]["right"][1]["start"] = 0
    with raises(FormatError, "units.right[1]"):
        Explanation.from_dict(damaged)
    with raises(OptionError, "unit", "sentence"):
        Explainer(score=by_value).explain("a", "b", unit="chapter")


LONG = " ".join([ANSWER, *(f"Here is line {n} of little." for n in range(12))])


def test_what_matters_little_is_folded():
    found = Explainer(score=by_value).explain("money", LONG, unit="sentence")
    said = str(found)
    assert "12 sentences that add less than 0.6" in said
    page = found.to_html()
    folded = page[page.index('<details class="wa-folded">') :]
    folded = folded[: folded.index("</details>")]
    assert "12 sentences that add less than 0.6" in folded
    assert folded.count("<li") == 12
    assert "Here is line 3 of little." not in said.split("\nleft\n", maxsplit=1)[0]


def test_one_sentence_each_needs_no_list():
    found = Explainer(score=by_value).explain("money", "Money.", unit="sentence")
    assert "sentences of" not in str(found)
    assert "wa-units" not in found.to_html().split("<body")[1]


SEVERAL = f"We sell hats and scarves here, and socks too. {ANSWER} Gloves are warm and soft."


def by_share(pairs):
    """What the words of the right text are worth, by their number: the best chunk is a short one."""
    return [value / len(b.split()) for (_, b), value in zip(pairs, by_value(pairs), strict=True)]


def chunked(**more):
    options = BTIOptions(long_text="chunks", chunk_size=11, **more)
    return Explainer(score=by_share, method="occlusion", options=options)


@pytest.mark.parametrize("unit", ["sentence", "phrase"])
def test_units_are_measured_in_the_best_chunk(unit):
    found = chunked().explain("money", SEVERAL, unit=unit)
    chunk = found.right.chunk
    assert chunk is not None
    assert chunk.start > 0
    # By hand: the chunk as a text of its own, and every place moved to where the chunk is.
    own = Explainer(score=by_share, method="occlusion").explain(
        "money", SEVERAL[chunk.start : chunk.end], unit=unit
    )
    assert len(own.units.right) > 1
    assert [(u.start, u.end, u.fall, u.alone, u.separate) for u in found.units.right] == [
        (u.start + chunk.start, u.end + chunk.start, u.fall, u.alone, u.separate)
        for u in own.units.right
    ]
    assert Explanation.from_json(found.to_json()) == found


def test_units_of_a_mean_are_of_the_whole_text():
    explainer = chunked(chunk_score="mean")
    found = explainer.explain("money", SEVERAL, unit="sentence")
    units = units_of(found)
    assert list(units) == [SEVERAL[start:end] for start, end in split_sentences(SEVERAL)]
    for text, unit in units.items():
        # The slow way: the text without the sentence, cut into chunks anew.
        rest = " ".join(other for other in units if other != text)
        fall = found.similarity - explainer.explain("money", rest).similarity
        assert unit.fall == pytest.approx(fall)
        assert unit.alone == pytest.approx(explainer.explain("money", text).similarity)


def test_units_of_chunks_in_a_batch_are_those_of_each_alone():
    explainer = chunked()
    pairs = [("money", SEVERAL), ("hats", "Short."), ("money", ANSWER)]
    together = list(explainer.explain_many(pairs, unit="sentence"))
    for pair, found in zip(pairs, together, strict=True):
        assert found.units == explainer.explain(*pair, unit="sentence").units
