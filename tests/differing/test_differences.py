"""Where two texts differ: kinds, places, what a place costs, and the document that says so."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tiny_models import tiny
from whyalike import BTIOptions, Differences, Explainer, Thesaurus
from whyalike.differing import ALIKE
from whyalike.errors import FormatError, TextError
from whyalike.models.encoder import Encoder

PAIRS = Path(__file__).with_name("places.txt")
LONGER_PAIRS = Path(__file__).with_name("longer_places.txt")
REVERSED = {"missing": "added", "more general": "more specific"}


def words_in_common(pairs):
    """A score by shared words: it has no vectors, so that rules alone decide."""
    scores = []
    for left, right in pairs:
        one, other = set(left.lower().split()), set(right.lower().split())
        scores.append(len(one & other) / max(len(one | other), 1))
    return scores


@pytest.fixture
def by_rules():
    return Explainer(score=words_in_common)


def marked_pairs(path=PAIRS):
    """Yield the kind and both texts of the pairs that we wrote, in both directions."""
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("# "):
            kind = line[2:]
            continue
        left, right = (re.sub(r"\{(.*?)\|(.*?)\}", side, line) for side in (r"\1", r"\2"))
        yield kind, left, right
        yield REVERSED.get(kind, kind), right, left


@pytest.mark.weights
def test_thirty_pairs_a_kind_are_named_by_their_kind(minilm):
    pairs = list(marked_pairs())
    found = [minilm.differences(left, right, check=False) for _, left, right in pairs]
    kinds = [[place.kind for place in one.places] for one in found]
    wrong = [(asked, said) for asked, said in zip(pairs, kinds, strict=True) if said != [asked[0]]]
    assert len(pairs) == 2 * 30 * 8
    assert not wrong


# Of sixty pairs, or of thirty where the other direction is another kind: two fewer than measured.
NAMED_AT_LEAST = {
    "negated": 50,
    "opposite": 38,
    "number": 54,
    "name": 56,
    "missing": 23,
    "added": 23,
    "more general": 20,
    "more specific": 20,
    "reworded": 38,
}


@pytest.mark.weights
def test_of_longer_pairs_so_many_are_named_by_their_kind_and_no_other(minilm):
    asked, named = Counter(), Counter()
    for kind, left, right in marked_pairs(LONGER_PAIRS):
        found = minilm.differences(left, right, check=False).found
        asked[kind] += 1
        # Of reworded texts no place counts.
        named[kind] += {place.kind for place in found} == {kind} - {"reworded"}
    once = {"missing", "added", "more general", "more specific"}
    assert asked == {kind: 30 if kind in once else 60 for kind in NAMED_AT_LEAST}
    assert not {kind: named[kind] for kind, least in NAMED_AT_LEAST.items() if named[kind] < least}


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("The jacket is waterproof.", "The jacket is not waterproof.", "negated"),
        ("Das Hotel ist ruhig.", "Das Hotel ist nicht ruhig.", "negated"),
        ("It was not bad.", "It was good.", "reworded"),
        ("It was never used.", "It was unused.", "reworded"),
        ("They won the match.", "They lost the match.", "opposite"),
        ("It hangs above the door.", "It hangs below the door.", "opposite"),
        ("The soil here is fertile.", "The soil here is barren.", "opposite"),
        ("All of it was sold.", "None of it was sold.", "negated"),
        ("The train has arrived.", "The train has yet to arrive.", "negated"),
        ("It has 1,000 lakes.", "It has one thousand lakes.", "reworded"),
        ("It has 1,000 lakes.", "It has two thousand lakes.", "number"),
        ("It is on the third floor.", "It is on the 3rd floor.", "reworded"),
        ("It is on the third floor.", "It is on the 4th floor.", "number"),
        ("We leave in May with Tom.", "We leave in May with Ann.", "name"),
        ("The EU pays.", "The European Union pays.", "reworded"),
        ("The room has a bed.", "The room has a bed and a desk.", "added"),
        ("A glass of red wine.", "A glass of wine.", "more general"),
    ],
)
def test_rules_alone_name_the_kind(by_rules, left, right, kind):
    places = by_rules.differences(left, right).places
    if kind == "reworded" and "European" in right:
        assert "name" not in {place.kind for place in places}
        return
    assert [place.kind for place in places] == [kind]


def test_a_place_is_where_the_texts_differ_and_nowhere_else(by_rules):
    left = "The hotel by the lake was quiet, and the staff spoke English."
    right = "The hotel by the lake was noisy, and the staff spoke French."
    found = by_rules.differences(left, right)
    said = [
        (place.kind, found.text_of(place, "left"), found.text_of(place, "right"))
        for place in found.places
    ]
    assert said == [("opposite", "quiet", "noisy"), ("name", "English", "French")]


def test_neighbouring_differences_of_two_kinds_stay_apart(by_rules):
    left, right = "It is waterproof, weighs 400 g.", "It is not waterproof, weighs 450 g."
    found = by_rules.differences(left, right)
    said = [(place.kind, found.text_of(place, "right")) for place in found.places]
    assert said == [("negated", "not"), ("number", "450")]


def test_equal_texts_have_no_place(by_rules):
    found = by_rules.differences("The same text.", "The same text.")
    assert found.places == found.found == ()
    assert "Nothing was found" in str(found)


def test_the_cost_is_the_score_with_the_left_words_there(by_rules):
    left, right = "a red car stands here today", "a blue car stands here"
    found = by_rules.differences(left, right, check=True)
    scores = {
        "blue": words_in_common([(left, "a red car stands here")])[0],
        "": words_in_common([(left, "a blue car stands here today")])[0],
    }
    assert len(found.places) == 2
    for place in found.places:
        expected = scores[found.text_of(place, "right")]
        assert place.similarity == pytest.approx(expected)
        assert place.gain == pytest.approx(expected - words_in_common([(left, right)])[0])
    assert found.found[0].gain == max(place.gain for place in found.places)


def test_what_only_the_right_text_has_is_deleted_to_measure_it(by_rules):
    found = by_rules.differences("a car stands", "a very old car stands", check=True)
    (place,) = found.places
    assert place.left is None
    assert place.similarity == 1.0


def test_a_text_that_would_be_empty_is_not_scored(by_rules):
    def refuse_blank(pairs):
        assert all(left.strip() and right.strip() for left, right in pairs)
        return [0.5] * len(pairs)

    found = Explainer(score=refuse_blank).differences("cat", "dog", check=True)
    assert [place.similarity for place in found.places] == [0.5]


def test_sentences_are_set_beside_those_that_share_their_words(by_rules):
    left = "The room is large. Breakfast is served at eight. Dogs are allowed."
    right = "Dogs are not allowed. Breakfast is served at nine. We liked the view a lot."
    found = by_rules.differences(left, right)
    said = {(place.kind, found.text_of(place, "right")) for place in found.places}
    assert ("number", "nine") in said
    assert ("negated", "not") in said
    assert len(said) == 2


def test_texts_that_share_nothing_are_said_not_to_be_comparable(by_rules):
    found = by_rules.differences("Cats sleep. Dogs bark.", "Ships sail south. Trains run late.")
    assert not found.is_comparable
    assert found.places == ()
    assert "shares enough words" in str(found)


def test_the_model_decides_by_the_likeness_of_both_spans():
    explainer = Explainer(tiny("bert").parts)
    found = explainer.differences("the cat sat here", "the dog sat here", check=False)
    (place,) = found.places
    assert place.likeness is not None
    assert (place.kind == "reworded") == (place.likeness >= ALIKE)


@pytest.fixture
def texts_read(monkeypatch):
    """How often each text goes through the tiny BERT."""
    read = Counter()
    forward = Encoder._forward

    def counted(self, rows, *, texts, **rest):
        read.update(texts[index].text for index, _ in rows)
        return forward(self, rows, texts=texts, **rest)

    monkeypatch.setattr(Encoder, "_forward", counted)
    return read


def score_of(explainer, left, right, *, long_text="truncate"):
    return explainer.model.score([(left, right)], long_text=long_text)[0]


BRIGHT = "The screen is bright.", "The screen is very dim."


def test_each_text_is_read_once_for_the_words_and_for_the_score(texts_read):
    explainer = Explainer(tiny("bert").parts)
    found = explainer.differences(*BRIGHT, check=False)
    assert texts_read == dict.fromkeys(BRIGHT, 1)
    assert found.similarity == pytest.approx(score_of(explainer, *BRIGHT), abs=1e-6)


def test_a_check_reads_what_it_changes_and_the_right_text_not_again(texts_read):
    found = Explainer(tiny("bert").parts).differences(*BRIGHT, check=True)
    # With the left text's words in the one place, the right text is the left one.
    assert [place.similarity for place in found.places] == [pytest.approx(1.0)]
    assert texts_read == {BRIGHT[0]: 2, BRIGHT[1]: 1}


def test_a_long_text_has_the_score_that_the_model_gives_it_and_not_that_of_its_windows():
    explainer = Explainer(tiny("bert").parts)
    beginning = "A quiet room. " * 200
    pair = beginning + "It is warm.", "A quiet hall. " * 3 + "It is cold."
    found = explainer.differences(*pair, check=False)
    assert found.similarity == pytest.approx(score_of(explainer, *pair), abs=1e-6)
    assert found.similarity != pytest.approx(
        score_of(explainer, *pair, long_text="windows"), abs=1e-4
    )


def test_of_chunks_the_score_is_that_of_chunks():
    options = BTIOptions(long_text="chunks", chunk_size=4)
    explainer = Explainer(tiny("bert").parts, options=options)
    pair = "It is a quiet room with a view.", "It is a loud hall with no view."
    found = explainer.differences(*pair, check=False)
    assert found.similarity == pytest.approx(explainer.explain(*pair).similarity, abs=1e-6)


@pytest.mark.parametrize("texts", [("", "a text"), ("a text", "  ")])
def test_blank_texts_are_refused(by_rules, texts):
    with pytest.raises(TextError, match="blank"):
        by_rules.differences(*texts)


def test_documents_are_read_back_equal(by_rules):
    found = by_rules.differences("It was cold on May 3.", "It was not warm on May 4.", check=True)
    again = Differences.from_json(found.to_json())
    assert again == found
    damaged = found.to_dict()
    damaged["places"][0]["left"] = [0, 10_000]
    with pytest.raises(FormatError, match="outside"):
        Differences.from_dict(damaged)


def test_pages_escape_texts_and_name_the_places(by_rules):
    found = by_rules.differences("The <b>lid</b> is open.", "The <b>lid</b> is closed.")
    page = found.to_html()
    assert "&lt;b&gt;lid" in page
    assert '<mark class="wa-changed">open' in page
    assert "the opposite" in page


def test_a_folder_that_is_not_wordnets_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"data\.noun"):
        Thesaurus.read(tmp_path)


def test_wordnets_files_are_read(tmp_path):
    """The format by hand: two sets that are opposites, one broader, and one irregular form."""
    data = {
        "noun": [
            "00000010 05 n 01 animal 0 000 | a living being",
            "00000020 05 n 02 dog 0 hound 0 001 @ 00000010 n 0000 | a pet",
        ],
        "verb": [
            "00000030 30 v 01 buy 0 001 ! 00000040 v 0101 01 + 08 00 | get for money",
            "00000040 30 v 01 sell 0 001 ! 00000030 v 0101 01 + 08 00 | give for money",
        ],
        "adj": [],
        "adv": [],
    }
    for name, lines in data.items():
        (tmp_path / f"data.{name}").write_text("  1 a licence\n" + "\n".join(lines), "utf-8")
        (tmp_path / f"{name}.exc").write_text("bought buy\nsold sell\n" if name == "verb" else "")
    read = Thesaurus.read(tmp_path)
    assert read.are_opposite("bought", "sold")
    assert read.are_synonyms("dogs", "hound")
    assert read.is_broader("animal", "dogs")
    assert not read.is_broader("dog", "animal")
    assert not read.are_opposite("dog", "hound")
