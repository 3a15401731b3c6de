"""What raters see: drawn by hand a second time, and alike for all methods in all but the content."""

import json

import pytest

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import FormatError, OptionError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.methods.method import list_methods
from whyalike.study.design import read_known_answers, write_explanation
from whyalike.study.folder import (
    blind,
    count_words,
    nonsense,
    pairs_shown,
    stimulus_bytes,
    word_form,
)


def side(text, saliency, **more):
    words = []
    for word, value in zip(text.split(), saliency, strict=True):
        start = text.index(word)
        words.append(Word(word, start, start + len(word), value, contribution=value / 7))
    return ExplainedText(text, tuple(words), **more)


def explanation(left, right, matches, selected, **more):
    pairs = [WordPair(i, j, 0.3, score) for i, j, score in matches]
    return Explanation(
        similarity=0.62, similarity_function="dot", method="bti", model="secret", pooling="model",
        left=side("warm wool gloves here", left, unmatched=(3,)),
        right=side("gloves of soft wool", right),
        pairs=tuple(pairs[:selected]), matches=tuple(pairs), warnings=("Something.",),
        completeness_gap=0.2, remainder=0.1, options=BTIOptions(seed=4), **more,
    )  # fmt: skip


FIRST = explanation(
    (0.2, 0.5, -0.8, 0.9), (0.4, 0.0, 0.1, 0.8),
    [(1, 3, 0.5), (2, 0, 0.2), (0, 2, 0.1), (3, 1, -0.2)], 2,
)  # fmt: skip
SECOND = explanation(
    (1.0, 0.0, 1.0, 0.1), (1.0, 0.3, 0.2, 0.1),
    [(2, 0, 9.0), (2, 0, 8.0), (0, 2, 3.0), (3, 3, 0.001), (1, 1, 0.0001)], 4,
)  # fmt: skip


def saliency(text):
    return [word.saliency for word in text.words]


def test_a_stimulus_has_the_best_pairs_and_their_words_on_one_scale():
    first, second = blind([FIRST, SECOND], shown="equal")
    # Both show three: the lower median of two and three (one is there twice) is 2, and 3 the least.
    assert [(p.left, p.right, p.score) for p in first.pairs] == [
        (1, 3, 1.0),
        (2, 0, 0.4),
        (0, 2, 0.2),
    ]
    assert [(p.left, p.right, p.score) for p in second.pairs] == [
        (2, 0, 1.0),
        (0, 2, 0.33),
        (3, 3, 0.01),
    ]
    # Of the greatest shown word; what is not shown is not marked; no shown word is unmarked.
    assert saliency(first.left) == [0.4, 1.0, 0.1, 0.0]
    assert saliency(first.right) == [0.5, 0.0, 0.12, 1.0]
    assert saliency(second.left) == [1.0, 0.0, 1.0, 0.1]
    assert saliency(second.right) == [1.0, 0.0, 0.2, 0.1]
    assert first.left.text == "warm wool gloves here"


def test_each_method_may_show_its_own_number():
    first, second = blind([FIRST, SECOND], shown="own")
    assert (len(first.pairs), len(second.pairs)) == (2, 3)


def test_nothing_else_is_left():
    for shown in blind([FIRST, SECOND], shown="equal"):
        bare = Explanation(
            similarity=0.0, similarity_function="cosine", method="", model="", pooling="",
            left=shown.left, right=shown.right, pairs=shown.pairs, matches=shown.pairs,
        )  # fmt: skip
        assert shown == bare
        for text in (shown.left, shown.right):
            assert text.unmatched == ()
            assert all(word.contribution is None for word in text.words)
        assert all(pair.similarity == 0 for pair in shown.pairs)
        said = stimulus_bytes(shown).decode()
        assert not any(secret in said for secret in ("bti", "secret", "Something", "0.62"))


def test_words_that_all_pull_apart_are_marked_alike():
    odd = explanation((-1.0, -0.5, -0.2, 0.0), (0.0,) * 4, [(1, 3, 0.5), (0, 2, 0.1)], 2)
    (shown,) = blind([odd], shown="equal")
    assert saliency(shown.left) == [1.0, 1.0, 0.0, 0.0]
    assert saliency(shown.right) == [0.0, 0.0, 1.0, 1.0]


def test_a_method_that_finds_nothing_shows_nothing_and_takes_nothing_from_the_others():
    nothing = explanation((0.0,) * 4, (0.0,) * 4, [(0, 0, -1.0)], 1)
    first, second, third = blind([nothing, FIRST, SECOND], shown="equal")
    assert (first.pairs, len(second.pairs), len(third.pairs)) == ((), 3, 3)
    assert saliency(first.left) == [0.0] * 4


@pytest.mark.parametrize(
    ("selected", "available", "shown"),
    [
        ([5, 5, 5], [9, 9, 9], 5),
        ([1, 1, 9], [9, 9, 9], 3),
        ([40, 50, 60], [90, 90, 90], 10),
        ([4, 6, 8, 9], [9, 9, 9, 9], 6),
        ([5, 8, 8], [5, 9, 9], 5),
        ([5, 8, 8], [4, 9, 9], 4),
        ([1, 8, 8], [1, 9, 9], 3),
        ([0, 8, 8], [0, 9, 9], 3),
    ],
)
def test_how_many_pairs_are_shown(selected, available, shown):
    assert pairs_shown(selected, available) == shown


def test_other_texts_or_words_are_refused():
    other = explanation((0.1,) * 4, (0.1,) * 4, [], 0)
    less = Explanation(**{**vars(other), "left": side("warm wool", (1.0, 0.2))})
    with pytest.raises(OptionError, match="same options"):
        blind([FIRST, less], shown="equal")


def test_stimuli_of_all_methods_look_alike():
    """Of every method that an encoder can have and needs no word vectors; random weights."""
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(ig_steps=2, permutations=1))
    able = [method.name for method in list_methods() if method.works_with(explainer.model)]
    # Words that stand in both texts are fewer than a stimulus has pairs.
    names = [name for name in able if name not in ("tfidf_w2v", "idf", "shared_words")]
    pair = TEXTS[0], TEXTS[1]
    made = [explainer.with_method(name).explain(*pair) for name in names]
    assert len({len(one.pairs) for one in made}) > 1
    shown = blind(made, shown="equal")
    assert len({len(one.pairs) for one in shown}) == 1

    def looks(value, path=""):
        """Keys, types and lengths; of the marked words, how they are written."""
        if isinstance(value, dict):
            return {key: looks(one, f"{path}/{key}") for key, one in value.items()}
        if isinstance(value, list):
            return [looks(one, path) for one in value]
        if path.endswith(("saliency", "score")):
            assert value == round(value, 2)
            assert value == 0 or 0.01 <= value <= 1
            return float
        return (
            None
            if path.endswith(("pairs/left", "pairs/right", "matches/left", "matches/right"))
            else value
        )

    assert len({str(looks(json.loads(stimulus_bytes(one)))) for one in shown}) == 1
    for one in shown:
        for text, places in (
            (one.left, {pair.left for pair in one.pairs}),
            (one.right, {pair.right for pair in one.pairs}),
        ):
            marked = {n: word.saliency for n, word in enumerate(text.words) if word.saliency}
            assert set(marked) == places
            assert max(marked.values()) == 1
            assert min(marked.values()) >= 0.1
        assert one.pairs[0].score == 1
        assert [p.score for p in one.pairs] == sorted((p.score for p in one.pairs), reverse=True)


def test_nonsense_pairs_the_commonest_words_and_never_a_word_with_itself():
    texts = [
        ("the red wine, of a kind", "a wine of the south, the best"),
        ("the cat, of a queen", "a dog of the king, the old"),
        ("the sun, of a day", "a moon of the night, the full"),
    ]
    first = ("wine", "wine"), ("red", "south"), ("kind", "best")
    samples = [write_explanation(*pair, [("the", "the", 0.5)]) for pair in texts]
    sample = write_explanation(*texts[0], [(left, right, 0.5) for left, right in first])
    common = count_words(samples)
    assert (common["the"], common["wine"], common[","]) == (6, 2, 6)
    made = nonsense(sample, common, seed="a")
    assert len(made.pairs) == 3
    for pair in made.pairs:
        left, right = made.left.words[pair.left], made.right.words[pair.right]
        assert {word_form(left), word_form(right)} <= {"the", ",", "of", "a"}
        assert word_form(left) != word_form(right)
        assert left.saliency == right.saliency == pair.score > 0
    for texts_side in ("left", "right"):
        words = getattr(made, texts_side).words
        assert len({word_form(words[getattr(pair, texts_side)]) for pair in made.pairs}) == 3
    assert [pair.score for pair in made.pairs] == [1.0, 0.8, 0.6]
    assert made == nonsense(sample, common, seed="a")
    short = write_explanation("a b", "b a", [("a", "b", 1.0)])
    assert nonsense(short, common, seed="a") is None


def test_the_packaged_practice_and_checks_mean_what_they_say():
    known = read_known_answers()
    assert (len(known.practice), len(known.checks)) == (4, 9)
    for one in (*known.practice, *known.checks):
        pairs = one.explanation.pairs
        assert 3 <= len(pairs) <= 5
        assert pairs[0].score == 1
        assert [p.score for p in pairs] == sorted((p.score for p in pairs), reverse=True)
        assert one.why
    # Both ends of the scale are asked for, so that always the same answer fails some.
    assert {one.high <= 2 for one in known.checks} == {True, False}
    assert {one.low >= 3 for one in known.checks} == {True, False}


@pytest.mark.parametrize(
    "entry",
    [
        {"low": 0}, {"low": 4, "high": 3}, {"high": "5"}, {"why": None}, {"left": 3},
        {"pairs": []}, {"pairs": [["red", "blue", 1.0]]}, {"pairs": [["red", "red", 0]]},
        {"pairs": [["red", "red", 2]]}, {"pairs": [["red", 1.0]]}, {"pairs": 3},
    ],
)  # fmt: skip
def test_damaged_practice_is_refused_by_its_number(tmp_path, entry):
    good = {"left": "red wine", "right": "a red one", "pairs": [["red", "red", 1.0]], "low": 4,
            "high": 5, "why": "so"}  # fmt: skip
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"practice": [good], "checks": []}))
    assert read_known_answers(path).practice[0].explanation.pairs == (WordPair(0, 1, 0.0, 1.0),)
    path.write_text(json.dumps({"practice": [good, good | entry], "checks": []}))
    with raises(FormatError, "entry 2", "'practice'"):
        read_known_answers(path)


def test_what_is_no_practice_is_refused(tmp_path):
    for content in ("", "[]", '{"practice": []}', '{"practice": 3, "checks": []}'):
        (tmp_path / "known.json").write_text(content)
        with pytest.raises(FormatError, match="two lists"):
            read_known_answers(tmp_path / "known.json")
