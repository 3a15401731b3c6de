"""Checked reasons: what a model scores without the words of the first pairs, asked of the model."""

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder

from raising import raises
from scorer_folders import KINDS, save_kinds
from tiny_models import tiny, tiny_reranker
from whyalike import BM25, BTIOptions, Explainer, Explanation, Fusion
from whyalike.errors import FormatError, OptionError
from whyalike.models.black_box import BlackBox
from whyalike.models.installed import MultiVectorEncoder, Pooling, Transformer
from whyalike.models.pair_function import PairScorer
from whyalike.selection import best_first, sort_matches

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
CONTENT = "keep warm hands in these knit wool gloves with soft leather palms for cold weather"
OTHER = "these stretch wool mittens keep cold fingers warm with a phone lining of soft fleece"
PAIRS = [
    (LEFT, RIGHT),
    ("warm gloves", "cold hands and warm gloves of stretch wool"),
    ("wool", "gloves"),
    ("", RIGHT),
    (LEFT, LEFT),
]


def without(text, gone):
    """The text without some of its words, which blanks part."""
    return " ".join(word for n, word in enumerate(text.split()) if n not in gone)


def by_hand(own, explanation):
    """Every check is what ``own(left, right)`` gives for texts cut by hand."""
    checks, left, right = explanation.checks, explanation.left.text, explanation.right.text
    assert [(one.left, one.right) for one in checks.pairs] == [
        ((pair.left,), (pair.right,)) for pair in explanation.pairs[: len(checks.pairs)]
    ]
    done = [*checks.pairs, *([checks.together] if checks.together else [])]
    for one in done:
        cut = without(left, one.left), without(right, one.right)
        if not all(cut):
            assert one.similarity is one.fall is None
            continue
        assert one.similarity == pytest.approx(own(*cut), abs=1e-5)
        assert one.fall == pytest.approx(own(left, right) - own(*cut), abs=1e-5)
    if checks.together is not None:
        assert set(checks.together.left) == {n for one in checks.pairs for n in one.left}
        assert set(checks.together.right) == {n for one in checks.pairs for n in one.right}
    return len(done)


def dual(folder, **settings):
    tiny("bert").model.save_pretrained(folder)
    tiny("bert").tokenizer.save_pretrained(folder)
    return SentenceTransformer(
        modules=[Transformer(str(folder)), Pooling(32)], device="cpu", **settings
    )


def similarity(model):
    def own(left, right):
        ends = model.encode_query([left]), model.encode_document([right])
        return float(model.similarity(*ends)[0, 0])

    return own


@pytest.mark.parametrize("method", ["bti", "whyalike", "occlusion"])
def test_they_are_what_the_model_gives_for_texts_cut_by_hand(tmp_path, method):
    model = dual(tmp_path, prompts={"query": "find: ", "document": "wool: "})
    options = BTIOptions(top_k=9, selection="clusters")
    explainer = Explainer(model, method=method, options=options)
    explanation = explainer.explain(LEFT, RIGHT, check=4)
    assert len(explanation.checks.pairs) == 4
    assert by_hand(similarity(model), explanation) == 5
    falls = [one.fall for one in explanation.checks.pairs]
    assert len(set(falls)) > 1
    plain = explainer.explain(LEFT, RIGHT)
    assert plain.checks is None
    assert (plain.pairs, plain.matches) == (explanation.pairs, explanation.matches)


def test_pairs_of_content_are_shown_as_the_model_says_of_them(tmp_path):
    """Each match is deleted by hand: those shown lower the score, and what raises it is not."""
    model = dual(tmp_path)
    explainer = Explainer(model, method="whyalike")
    plain = explainer.explain(CONTENT, OTHER)
    explanation = explainer.explain(CONTENT, OTHER, check=3)
    own = similarity(model)
    falls = {
        pair: own(CONTENT, OTHER)
        - own(without(CONTENT, (pair.left,)), without(OTHER, (pair.right,)))
        for pair in plain.matches
    }
    sorted_ = sort_matches(
        plain.matches, [w.text for w in plain.left.words], [w.text for w in plain.right.words]
    )
    most_alike = sorted(sorted_.content[6:], key=lambda pair: -pair.similarity)[:3]
    asked = [*sorted_.content[:6], *most_alike]
    best = max(falls[pair] for pair in asked)
    expected = [pair for pair in asked if falls[pair] > best / 10]
    lowering = [pair for pair in asked if falls[pair] > 0]
    # Some raise the score, and some hardly lower it: they are left out.
    assert 0 < len(expected) < len(lowering) < len(asked)
    assert [pair for pair in sorted_.function[:3] if falls[pair] > 0]
    assert set(explanation.pairs) == set(expected)
    assert explanation.pairs == best_first(explanation.pairs)
    by_hand(own, explanation)
    again = explainer.with_method("bti")
    assert again.explain(CONTENT, OTHER, check=3).pairs == again.explain(CONTENT, OTHER).pairs


def test_rounding_selects_no_pair_of_equal_texts(tmp_path):
    """Whatever word leaves both, they stay as alike; falls of 1e-8 are not falls."""
    explainer = Explainer(dual(tmp_path), method="whyalike")
    checked = explainer.explain(CONTENT, CONTENT, check=3)
    assert all(abs(one.fall) < 1e-5 for one in checked.checks.pairs)
    assert checked.pairs == explainer.explain(CONTENT, CONTENT).pairs


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scorer_is_checked(tmp_path, kind):
    place = str(save_kinds(tmp_path, [kind])[kind])
    if kind == "cross-encoder":
        model = CrossEncoder(place, device="cpu")

        def own(left, right):
            found = model.predict([(left, right)], activation_fn=torch.nn.Identity())
            return float(np.squeeze(found))
    elif kind == "sparse":
        model = SparseEncoder(place, device="cpu")
        own = similarity(model)
    elif kind == "multi-vector":
        model = MultiVectorEncoder(place, device="cpu")

        def own(left, right):
            ends = model.encode_query([left]), model.encode_document([right])
            return float(model.similarity(*ends)[0, 0])
    else:
        model = SentenceTransformer(place, device="cpu")
        own = similarity(model)
    explainer = Explainer(model, options=BTIOptions(top_k=9))
    assert explainer.usual_check == 3
    explanation = explainer.explain(LEFT, RIGHT, check=3)
    assert len(explanation.pairs) >= 2
    assert by_hand(own, explanation) == min(len(explanation.pairs), 3) + 1
    assert Explanation.from_json(explanation.to_json()) == explanation


def letters(texts):
    counts = [[text.lower().count(letter) for letter in "abcdefghijklmnorstuw"] for text in texts]
    return np.sqrt(np.array(counts, dtype=float)) + 0.1


def shared_letters(pairs):
    return [float(len(set(left) & set(right)) + len(right) / 7) for left, right in pairs]


def test_functions_are_checked_and_by_default_are_not():
    by_vectors, by_pairs = Explainer(embed=letters), Explainer(score=shared_letters)
    assert by_vectors.usual_check == by_pairs.usual_check == 0

    def cosine(left, right):
        one, other = letters([left, right])
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    assert by_hand(cosine, by_vectors.explain(LEFT, RIGHT, check=3)) >= 2
    scored = by_pairs.explain(LEFT, RIGHT, check=3)
    assert by_hand(lambda *pair: shared_letters([pair])[0], scored) >= 2


def test_a_fusion_is_checked_by_its_own_score(tmp_path):
    reranker = tiny_reranker("bert")
    texts = [LEFT, RIGHT, "stretch wool", "pale straw", "lemon zest and white flowers"]
    model = dual(tmp_path)
    fusion = Fusion([(model, 0.75), (BM25(texts), 0.25)])
    explainer = Explainer(fusion, options=BTIOptions(top_k=9))
    assert explainer.usual_check == 3
    assert Explainer(Fusion([(model, 1.0), (PairScorer(shared_letters), 1.0)])).usual_check == 0
    bm25 = Explainer(BM25(texts)).model
    dense = similarity(model)

    def own(left, right):
        return 0.75 * dense(left, right) + 0.25 * bm25.score([(left, right)])[0]

    by_hand(own, explainer.explain(LEFT, RIGHT, check=3))
    assert Explainer((reranker.model, reranker.tokenizer)).usual_check == 3


def test_many_are_checked_as_one_is(tmp_path):
    model = dual(tmp_path)
    explainer = Explainer(model, method="whyalike", options=BTIOptions(top_k=9))
    together = list(explainer.explain_many([*PAIRS, PAIRS[0]], check=2))
    assert len(together) == len(PAIRS) + 1
    for pair, each in zip([*PAIRS, PAIRS[0]], together, strict=True):
        alone = explainer.explain(*pair, check=2)
        assert [(one.left, one.right) for one in alone.checks.pairs] == [
            (one.left, one.right) for one in each.checks.pairs
        ]
        for one, other in zip(alone.checks.pairs, each.checks.pairs, strict=True):
            assert (one.fall is None) == (other.fall is None)
            if one.fall is not None:
                assert one.similarity == pytest.approx(other.similarity, abs=1e-5)
        if each.checks.pairs:
            by_hand(similarity(model), each)


def test_all_variants_go_to_the_model_at_once():
    calls = []

    def score(pairs):
        calls.append(len(pairs))
        return shared_letters(pairs)

    explainer = Explainer(score=score, options=BTIOptions(top_k=9))
    explainer.explain(LEFT, RIGHT)
    before = len(calls)
    assert len(explainer.explain(LEFT, RIGHT, check=3).checks.pairs) == 3
    assert len(calls) == before + 1  # The explanation itself is kept.
    assert calls[-1] == 4


def test_a_text_that_would_have_no_word_left_is_not_scored():
    explainer = Explainer(embed=letters)
    one_word = explainer.explain("Gloves!", "warm gloves", check=3).checks
    assert all(one.similarity is one.fall is None for one in one_word.pairs if 0 in one.left)
    two_words = explainer.explain("warm gloves", "warm gloves", check=2).checks
    assert [one.fall is None for one in two_words.pairs] == [False, False]
    assert two_words.together.similarity is None


def test_texts_without_pairs_have_none_to_check():
    for left, right in (("", ""), ("", "gloves"), ("   ", "gloves")):
        checks = Explainer(embed=letters).explain(left, right, check=3).checks
        assert (checks.pairs, checks.together, checks.everything) == ((), None, None)


def test_words_that_were_not_read_do_not_move_up(tmp_path):
    model = dual(tmp_path)
    model.max_seq_length = 8
    text = "keep hands warm with knit gloves of stretch wool and ribbed cuffs"
    explanation = Explainer(model, options=BTIOptions(top_k=9)).explain(text, "gloves", check=1)
    read = text[: explanation.left.read_until]
    assert read != text
    pair = Explainer(model, options=BTIOptions(top_k=9)).explain(text, RIGHT, check=2)
    read_right = RIGHT[: pair.right.read_until]
    for one in pair.checks.pairs:
        cut = without(read, one.left), without(read_right, one.right)
        assert one.similarity == pytest.approx(similarity(model)(*cut), abs=1e-5)


def test_windows_are_checked_by_the_score_of_windows(tmp_path):
    model = dual(tmp_path)
    model.max_seq_length = 12
    long = " ".join([LEFT] * 4)
    explainer = Explainer(model, options=BTIOptions(long_text="windows", top_k=9))
    explanation = explainer.explain(long, RIGHT, check=2)
    for one in explanation.checks.pairs:
        cut = without(long, one.left), without(RIGHT, one.right)
        again = explainer.explain(*cut)
        assert one.similarity == pytest.approx(again.similarity, abs=1e-5)


def test_a_limit_on_both_texts_lets_no_more_of_the_other_in():
    reranker = tiny_reranker("bert")
    long = " ".join(["wool gloves and warm hands of stretch"] * 40)
    explanation = Explainer((reranker.model, reranker.tokenizer)).explain(LEFT, long, check=1)
    assert explanation.right.unread_words
    (one,) = explanation.checks.pairs
    kept = without(long[: explanation.right.read_until], one.right)
    scorer = Explainer((reranker.model, reranker.tokenizer)).model
    expected = scorer.score([(without(LEFT, one.left), kept)])[0]
    assert one.similarity == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["embed", "score"])
@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_the_cost_of_checks_is_said_and_no_more_is_sent(kind, method):
    def make():
        box = BlackBox(letters) if kind == "embed" else PairScorer(shared_letters)
        options = BTIOptions(permutations=2, top_k=9)
        return box, Explainer(**{kind: box}, method=method, options=options)

    _, plain = make()
    box, explainer = make()
    said, without_checks = explainer.cost(PAIRS, check=3), plain.cost(PAIRS)
    assert box.calls == 0
    list(explainer.explain_many(PAIRS, check=3))
    assert box.spent.texts <= said.texts
    assert box.spent.characters <= said.characters
    assert said.texts > without_checks.texts


@pytest.mark.parametrize("check", [-1, True, 1.0, "3", None])
def test_a_number_that_is_none_is_refused(check):
    explainer = Explainer(embed=letters)
    with raises(OptionError, "check", "whole number"):
        explainer.explain(LEFT, RIGHT, check=check)
    with raises(OptionError, "check", "whole number"):
        explainer.explain_many(PAIRS, check=check)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one["pairs"][0].update(left=[99]), ("checks.pairs[0].left", "99")),
        (lambda one: one["together"].update(right=[-1]), ("checks.together.right", "-1")),
        (lambda one: one["pairs"][1].update(fall=None), ("checks.pairs[1]", "fall")),
        (lambda one: one["pairs"][0].pop("left"), ("left", "missing")),
        (lambda one: one.update(more=1), ("more", "newer")),
    ],
)
def test_documents_that_say_wrong_checks_are_refused(change, words):
    explanation = Explainer(embed=letters).explain(LEFT, RIGHT, check=3)
    content = explanation.to_dict()
    assert Explanation.from_dict(content) == explanation
    change(content["checks"])
    with raises(FormatError, *words):
        Explanation.from_dict(content)
