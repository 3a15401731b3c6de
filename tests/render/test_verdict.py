"""The sentence of verdict on constructed pairs, and the checks as every view shows them."""

from dataclasses import replace

import pytest

from whyalike.explanation import (
    BackgroundScore,
    Checks,
    Deletion,
    ExplainedText,
    Explanation,
    ScorePart,
    Word,
    WordPair,
)
from whyalike.render.verdict import say, say_verdict, view_checks
from whyalike.texts import find_words

LEFT, RIGHT = "warm gloves for phones", "gloves that touch screens"


def side(text):
    words = tuple(Word(text[start:end], start, end, 0.5) for start, end in find_words(text))
    return ExplainedText(text, words)


def made(left=LEFT, right=RIGHT, pairs=((1, 0), (3, 3)), **changes):
    found = tuple(WordPair(*pair, 0.5, 0.25) for pair in pairs)
    known = {
        "similarity": 0.496,
        "similarity_function": "cosine",
        "method": "whyalike",
        "model": "m",
        "pooling": "model",
    }
    return Explanation(
        **(known | changes), left=side(left), right=side(right), pairs=found, matches=found
    )


def checked(explanation, *alone, together=None):
    """With these scores without each of the first pairs, and without all of them."""

    def deletion(left, right, score):
        fall = None if score is None else explanation.similarity - score
        return Deletion(left, right, score, fall)

    pairs = explanation.pairs[: len(alone)]
    every = tuple(
        deletion((pair.left,), (pair.right,), score)
        for pair, score in zip(pairs, alone, strict=True)
    )
    whole = None
    if len(pairs) > 1:
        ends = [tuple(sorted({n[side] for n in map(_ends, pairs)})) for side in (0, 1)]
        whole = deletion(*ends, together)
    return replace(explanation, checks=Checks(every, whole))


def _ends(pair):
    return pair.left, pair.right


def test_what_was_checked_carries_the_score():
    assert say_verdict(checked(made(), 0.4, 0.41, together=0.21)) == (
        "Fairly alike (0.496), mainly through *gloves – gloves* and *phones – screens*: without "
        "these the score is 0.210."
    )


def test_a_pair_that_takes_nearly_all_with_it_is_named_alone():
    assert say_verdict(checked(made(), 0.45, 0.22, together=0.2)) == (
        "Fairly alike (0.496), mainly through *phones – screens*: without this pair the score is "
        "0.220."
    )


@pytest.mark.parametrize(
    ("without", "says"),
    [
        (0.1, ", mainly through "),
        (0.26, ", in part through "),
        (0.49, ", not through a few words alone: without "),
        (0.6, ", not through a few words alone: without "),
    ],
)
def test_how_much_falls_is_not_overstated(without, says):
    said = say_verdict(checked(made(), 0.495, 0.494, together=without))
    assert says in said
    assert f"{without:.3f}." in said
    assert ("still" in said) == (without == 0.49)


def test_without_checks_it_is_the_method_that_names_words():
    assert say_verdict(made()) == (
        "Fairly alike (0.496); whyalike names *gloves – gloves* and *phones – screens* first."
    )
    unscored = checked(made("gloves", "gloves!", ((0, 0),)), None)
    assert say_verdict(unscored) == "Fairly alike (0.496); whyalike names *gloves – gloves* first."


@pytest.mark.parametrize(
    ("similarity", "says"),
    [
        (1.0, "Nearly the same to the model (1.000)"),
        (0.9, "Nearly the same to the model (0.900)"),
        (0.899, "Very alike"),
        (0.7, "Very alike"),
        (0.4, "Fairly alike"),
        (0.399, "A little alike"),
        (0.15, "A little alike"),
        (0.149, "The model sees almost nothing in common (0.149)."),
        (0.02, "The model sees almost nothing in common (0.020)."),
        (-0.1, "The model sees almost nothing in common (−0.100)."),
        (-0.6, "The model sees the texts as opposed (−0.600)."),
        (-1.0000001, "The model sees the texts as opposed (−1.000)."),
    ],
)
def test_a_cosine_has_an_adjective(similarity, says):
    said = say_verdict(made(similarity=similarity))
    assert said == says if says.endswith(".") else said.startswith(says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"similarity": 31.5, "similarity_function": "dot"}, "Dot similarity 31.500"),
        ({"similarity": -2.5, "similarity_function": "euclidean"}, "Euclidean similarity −2.500"),
        ({"similarity": -9.0, "similarity_function": "manhattan"}, "Manhattan similarity −9.000"),
        ({"similarity": 0.6, "similarity_function": "hamming"}, "Hamming similarity 0.600"),
        ({"similarity": -4.25, "similarity_function": "score"}, "Score −4.250"),
        ({"similarity": 0.8, "pooling": "paper"}, "Cosine similarity 0.800"),
    ],
)
def test_a_score_without_a_scale_has_none(changes, says):
    plain = made(**changes)
    assert say_verdict(plain) == (
        f"{says}; whyalike names *gloves – gloves* and *phones – screens* first."
    )
    lower = plain.similarity - 0.5
    assert say_verdict(checked(plain, lower + 0.4, lower + 0.3, together=lower)).startswith(
        f"{says}, through *gloves – gloves* and *phones – screens*: without these the score is "
    )


def test_texts_that_are_the_same_or_have_no_words():
    assert say_verdict(made("a b", "a b", (), similarity=1.0)) == (
        "Both texts are the same (score 1.000)."
    )
    assert say_verdict(made("", RIGHT, (), similarity=0.4)) == (
        "Nothing can be matched, as the left text has no words (score 0.400)."
    )
    assert say_verdict(made("", " ", (), similarity=0.0)) == (
        "Nothing can be matched, as neither text has words (score 0.000)."
    )
    assert say_verdict(made(pairs=())) == "Fairly alike (0.496); no pair of words was selected."


def test_words_of_another_script_and_one_word():
    said = say_verdict(
        checked(made("כפפות חמות", "手袋", ((0, 0), (1, 1))), 0.3, 0.4, together=None)
    )
    assert said == (
        "Fairly alike (0.496), in part through *כפפות – 手*: without this pair the score is 0.300."
    )


def test_equal_pairs_are_named_once_and_of_many_the_first():
    twice = made("gloves gloves", "gloves x", ((0, 0), (1, 0)))
    assert say_verdict(twice).endswith("; whyalike names *gloves – gloves* first.")
    text = "one two three four five six"
    many = made(text, text.upper(), tuple((n, n) for n in range(5)))
    said = say_verdict(checked(many, *[0.4] * 5, together=0.1))
    assert "*one – ONE*, *two – TWO*, *three – THREE* and 2 more pairs: without these" in said


def test_a_background_says_where_the_score_stands():
    high = BackgroundScore(texts=50, percentile=97.0)
    for function in ("cosine", "dot"):
        said = say_verdict(made(background=high, similarity_function=function))
        assert said.startswith("More alike than 97 % of random pairs of your texts (0.496); ")
    low = BackgroundScore(texts=50, percentile=12.0)
    assert say_verdict(made(background=low)) == (
        "Less alike than most random pairs of your texts (0.496, more alike than 12 % of them)."
    )


def test_a_fusion_says_which_part_adds_most():
    parts = tuple(
        ScorePart(name=name, weight=0.5, score=2 * adds, normalised=2 * adds, contribution=adds)
        for name, adds in (("dense", 0.3), ("BM25", 1.2))
    )
    said = say_verdict(made(similarity=1.5, similarity_function="score", parts=parts))
    assert said.startswith("Score 1.500, of which BM25 adds 1.200; ")
    ranked = tuple(replace(part, rank=1, contribution=1 / 61) for part in parts)
    said = say_verdict(made(similarity=2 / 61, similarity_function="score", parts=ranked))
    assert said.startswith("Score 0.03279, of which dense adds 0.01639; ")


def test_each_check_is_a_sentence():
    explanation = checked(made(), 0.281, None, together=0.5)
    assert [say(one) for one in view_checks(explanation)] == [
        "without *gloves* in both texts: 0.496 → 0.281",
        "without *phones* in the left and *screens* in the right text: not scored, as no word of "
        "a text would be left",
        "without all of these: 0.496 → 0.500",
    ]
    assert view_checks(made()) == ()
    copies = checked(made("Gloves, gloves", "gloves here", ((1, 0), (2, 0))), 0.4, 0.3, together=0)
    assert say(view_checks(copies)[1]) == (
        "without *gloves* in both texts (a copy stays in the left text): 0.496 → 0.300"
    )


def test_every_view_shows_both():
    explanation = checked(made(), 0.4, 0.3, together=0.2)
    verdict = say_verdict(explanation)
    assert explanation.verdict == explanation.to_dict()["verdict"] == verdict
    assert " ".join(str(explanation).split()).startswith(verdict)
    markdown = explanation.to_markdown()
    assert markdown.startswith("Fairly alike \\(0.496\\), mainly through *gloves – gloves* and ")
    html = explanation.to_html().partition("<body")[2]
    assert html.index("mainly through") < html.index("wa-number")
    for said in (
        str(explanation),
        markdown,
        html.replace("<b><bdi>", "*").replace("</bdi></b>", "*"),
    ):
        assert "without *gloves* in both texts: 0.496 → 0.400" in said
        assert "without all of these: 0.496 → 0.200" in said
    assert "checked" not in str(made()).lower()
    assert "wa-checks" not in made().to_html().partition("<body")[2]


def test_a_picture_grows_by_its_checks(tmp_path):
    svg = tmp_path / "a.svg"
    heights = []
    for explanation in (made(), checked(made(), 0.4, 0.3, together=0.2)):
        explanation.to_svg(svg)
        head = svg.read_text("utf-8").partition('viewBox="')[2].partition('"')[0]
        heights.append(float(head.split()[3]))
    assert heights[1] - heights[0] > 3 * 12


def test_words_of_the_texts_command_no_view():
    hostile = made("<b>x</b> *_` gloves\x1b[31m", RIGHT, ((1, 0), (2, 0)))
    assert "<b>x" not in hostile.to_html().partition("<body")[2]
    assert "\x1b" not in str(hostile)


def test_a_blind_study_shows_none():
    """Without a method there is no verdict in any view, nor in JSON."""
    shown = made(method="", model="", pooling="")
    assert shown.verdict == ""
    assert "verdict" not in shown.to_dict()
    assert 'class="wa-verdict"' not in shown.to_html()
    assert " names " not in str(shown) + shown.to_markdown()


def test_a_deletion_that_leaves_only_a_symbol_says_so():
    """A glove stays: no word is left, and yet something is."""
    symbols = made("🧤🧤 hat", "😀 gloves", pairs=((0, 1), (2, 1)))
    left = [word.text for word in symbols.left.words]
    marks, word = left.index("hat"), symbols.right.words[-1]
    assert word.text == "gloves"
    nothing = made("hat", "gloves", pairs=((0, 0),))
    said = []
    for explanation, gone in ((symbols, ((marks,), (1,))), (nothing, ((0,), (0,)))):
        (sentence,) = view_checks(
            replace(explanation, checks=Checks((Deletion(*gone, None, None),), None))
        )
        said.append(say(sentence).partition("not scored, as ")[2])
    assert said == [
        "nothing but marks or symbols of a text would be left",
        "no word of a text would be left",
    ]
