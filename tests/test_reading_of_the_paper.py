"""Each numbered row of docs/reading-of-the-paper.md, pinned: the preset and its alternatives.

Row 22 (integrated gradients) is pinned in attribution/test_integrated_gradients.py.
"""

import numpy as np
import pytest
import torch
from sklearn.cluster import MeanShift, estimate_bandwidth
from sklearn.feature_extraction.text import TfidfVectorizer

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer, Lexicon, WordVectors
from whyalike.arrays import WordSaliency
from whyalike.explanation import WordPair
from whyalike.matching import match_words
from whyalike.methods.bti import rectified_product
from whyalike.methods.method import get_method, list_methods
from whyalike.methods.token_saliency import min_max
from whyalike.models.encoder import Encoder
from whyalike.models.loading import load
from whyalike.models.pipeline import TokenPair
from whyalike.selection import top_words
from whyalike.texts import find_words

LEFT, RIGHT = TEXTS[0], TEXTS[1]


def explain(left=LEFT, right=RIGHT, *, method="bti", **options):
    return Explainer(tiny("bert").parts, method=method, options=BTIOptions(**options)).explain(
        left, right
    )


def run(point="embedding", **options):
    """One pass over the pair: activation and gradient of each side's own tokens, as arrays."""
    encoder = Encoder(load(tiny("bert").parts))
    left, right = encoder.tokenize([LEFT, RIGHT])
    result = encoder.run([TokenPair(left, right)], options=BTIOptions(**options), point=point)
    sides = {}
    for group in result.groups:
        for row, place in enumerate(group.places):
            sides[place.text] = [
                tensor[row, torch.from_numpy(place.positions)].numpy()
                for tensor in (group.activation, group.gradient, group.latent)
            ]
    return sides[0], sides[1]


def token_saliency(explanation):
    return [
        [word.saliency for word in side.words] for side in (explanation.left, explanation.right)
    ]


def words_of(saliency, vectors):
    count = len(saliency)
    spans = tuple((k, k + 1) for k in range(count))
    return WordSaliency(spans, np.array(saliency), np.array(vectors, float), np.ones(count, bool))


def pairs_of(*scores):
    return tuple(WordPair(k, k, score, score) for k, score in enumerate(scores))


def test_row_1_each_side_has_its_own_length():
    explanation = explain(words="token")
    tokenizer = tiny("bert").tokenizer
    assert len(explanation.left.words) == len(tokenizer.tokenize(LEFT))
    assert len(explanation.right.words) == len(tokenizer.tokenize(RIGHT))
    assert len(explanation.left.words) != len(explanation.right.words)


def test_row_2_the_arg_max_and_the_first_on_a_tie():
    left = words_of([1.0], [[1, 0]])
    right = words_of([0.1, 0.2, 0.4], [[0, 1], [2, 0], [3, 0]])
    match = match_words(left, right)[0]
    assert (match.left, match.right) == (0, 1)
    assert match.score == pytest.approx(1.0 * 0.2 * 1.0), "the score is of the match, too"


def test_row_3_pairs_from_the_right_are_turned_round():
    left = words_of([1.0, 1.0], [[1, 0], [0, 1]])
    right = words_of([1.0, 1.0, 1.0], [[1, 0], [1, 0.1], [0, 1]])
    assert [(m.left, m.right) for m in match_words(left, right)] == [(0, 0), (1, 2), (0, 1)]


def test_row_4_the_score_takes_the_saliency_of_the_matched_word():
    explanation = explain()
    for match in explanation.matches:
        word, other = explanation.left.words[match.left], explanation.right.words[match.right]
        assert match.score == pytest.approx(
            match.similarity * word.saliency * other.saliency, abs=1e-12
        )


def test_row_5_scores_are_clustered_and_squares_only_if_asked():
    scores = [0.0] * 4 + [
        0.30,
        0.31,
        0.32,
        0.33,
        0.55,
        0.56,
        0.57,
        0.95,
        0.96,
        0.97,
        -0.955,
        -0.965,
    ]
    for options in (BTIOptions(top_k=1), BTIOptions(top_k=1, square_scores=True)):
        data = np.array(scores)[:, None]
        fitted = MeanShift().fit(data**2 if options.square_scores else data)
        top = fitted.labels_ == fitted.cluster_centers_[:, 0].argmax()
        selected = {pair.left for pair in top_words(pairs_of(*scores), options=options)}
        assert selected == set(np.flatnonzero(top))
    squared = top_words(pairs_of(*scores), options=BTIOptions(top_k=1, square_scores=True))
    assert min(pair.score for pair in squared) < 0, (
        "squares bring the most negative scores to the top"
    )


def test_row_6_the_two_highest_clusters():
    pairs = pairs_of(0.9, 0.89, 0.5, 0.49, 0.1, 0.09)

    def selected(**options):
        return [p.left for p in top_words(pairs, options=BTIOptions(bandwidth=0.05, **options))]

    assert BTIOptions().top_k == 2
    assert selected() == [0, 1, 2, 3]
    assert selected(top_k=1) == [0, 1]
    assert selected(top_k_inclusive=True) == [0, 1, 2, 3, 4, 5]


def test_row_7_union_by_position_never_by_spelling():
    explanation = explain("gloves and gloves", "gloves")
    positions = [(m.left, m.right) for m in explanation.matches]
    assert len(positions) == len(set(positions))
    assert {(0, 0), (2, 0)} <= set(positions), "two gloves at two places are two words"
    both = explain("gloves and gloves", "gloves", union=False)
    assert len(both.matches) == len(both.left.words) + len(both.right.words)


def test_row_8_bandwidth_as_scikit_learn_estimates_it():
    explanation = explain()
    scores = np.array([m.score for m in explanation.matches])[:, None]
    bandwidth = estimate_bandwidth(scores, quantile=0.3)
    fixed = explain(bandwidth=float(bandwidth))
    assert fixed.pairs == explanation.pairs
    assert explain(bandwidth=10.0).pairs == explanation.matches, "one cluster holds all"
    assert len(explain(quantile=0.9).pairs) >= len(explanation.pairs)


def test_row_9_the_embedding_is_token_plus_position():
    table = tiny("bert").model.embeddings
    ids = torch.tensor(tiny("bert").tokenizer(LEFT)["input_ids"])
    token = table.word_embeddings(ids)
    position = table.position_embeddings(torch.arange(len(ids)))
    segment = table.token_type_embeddings(torch.zeros_like(ids))
    normed = table.LayerNorm(token + position + segment)
    expected = {
        "token": token,
        "token+position": token + position,
        "token+position+segment": token + position + segment,
        "after_norm": normed,
    }
    gradients = {}
    for activation, tensor in expected.items():
        (ours, gradient, _), _ = run(activation=activation)
        np.testing.assert_allclose(ours, tensor[1:-1].detach(), atol=1e-6)
        gradients[activation] = gradient
    np.testing.assert_array_equal(gradients["token"], gradients["token+position"])
    np.testing.assert_array_equal(gradients["token"], gradients["token+position+segment"])
    assert not np.allclose(gradients["token"], gradients["after_norm"])


def test_row_10_relu_on_each_feature_before_the_sum():
    activation = torch.tensor([[[1.0, -2.0, 3.0]]])
    gradient = torch.tensor([[[1.0, 1.0, -1.0]]])
    assert rectified_product(activation, gradient, "before_sum").item() == 1.0
    assert rectified_product(activation, gradient, "after_sum").item() == 0.0
    assert rectified_product(activation, gradient, "none").item() == -4.0
    (e, g, _), _ = run()
    expected = min_max((np.maximum(e * g, 0)).sum(-1).astype(float))
    np.testing.assert_allclose(token_saliency(explain(words="token"))[0], expected, atol=1e-5)


def test_row_11_special_tokens_are_neither_pooled_nor_scaled():
    model, tokenizer = tiny("bert").parts
    with torch.no_grad():
        means = [
            model(**tokenizer(t, return_tensors="pt"))[0][0, 1:-1].mean(0) for t in (LEFT, RIGHT)
        ]
    expected = float(torch.cosine_similarity(*means, dim=0))
    assert explain().similarity == pytest.approx(expected, abs=1e-6)
    for values in token_saliency(explain(words="token")):
        assert (min(values), max(values)) == (0.0, 1.0)


def test_row_12_min_max_over_tokens_then_the_words_maximum():
    tokens, words = explain(words="token"), explain()
    for fine, whole in ((tokens.left, words.left), (tokens.right, words.right)):
        for word in whole.words:
            own = [t.saliency for t in fine.words if t.start < word.end and t.end > word.start]
            assert word.saliency == max(own)
    np.testing.assert_allclose(min_max(np.array([2.0, 4.0, 3.0])), [0, 1, 0.5])


def test_row_13_one_backward_pass_holds_both_one_sided_gradients():
    model, tokenizer = tiny("bert").parts
    table = model.get_input_embeddings()
    for side, (_, gradient, _) in enumerate(run()):
        leaves, vectors = [], []
        for text in (LEFT, RIGHT):
            inputs = tokenizer(text, return_tensors="pt")
            leaf = table(inputs["input_ids"]).detach().requires_grad_()
            vectors.append(model(inputs_embeds=leaf)[0][:, 1:-1].mean(1))
            leaves.append(leaf)
        vectors[1 - side] = vectors[1 - side].detach()
        torch.cosine_similarity(*vectors).backward()
        np.testing.assert_allclose(gradient, leaves[side].grad[0, 1:-1], atol=1e-6)


def test_row_14_what_a_word_is():
    text = "Don't touch touchscreen-compatible gloves, please."
    words = [text[start:end] for start, end in find_words(text)]
    assert words == ["Don't", "touch", "touchscreen-compatible", "gloves", ",", "please", "."]
    assert [w.text for w in explain(text).left.words] == words
    pretokens = [w.text for w in explain(text, words="pretoken").left.words]
    assert pretokens == [
        "Don",
        "'",
        "t",
        "touch",
        "touchscreen",
        "-",
        "compatible",
        "gloves",
        ",",
        "please",
        ".",
    ]
    tokens = [w.text for w in explain(text, words="token").left.words]
    assert tokens[3:7] == ["touch", "touch", "screen", "-"]


def test_row_15_a_words_vector_is_the_mean_of_its_tokens_last_states():
    (_, _, left), (_, _, right) = run()
    tokens = {w.start: k for k, w in enumerate(explain(words="token").left.words)}
    compatible = [
        tokens[LEFT.index(piece)] for piece in ("touchscreen", "screen-", "-comp", "compatible")
    ]
    vector = left[compatible].mean(0)
    explanation = explain()
    index = [w.text for w in explanation.left.words].index("touchscreen-compatible")
    match = next(m for m in explanation.matches if m.left == index)
    word = explanation.right.words[match.right]
    own = [
        k
        for k, t in enumerate(explain(words="token").right.words)
        if t.start < word.end and t.end > word.start
    ]
    other = right[own].mean(0)
    cosine = vector @ other / np.linalg.norm(vector) / np.linalg.norm(other)
    assert match.similarity == pytest.approx(cosine, abs=1e-5)
    opposite = match_words(words_of([1.0], [[1, 0]]), words_of([1.0], [[-1, 0]]))[0]
    assert opposite.similarity == opposite.score == -1.0


def test_row_16_identical_paragraphs():
    same = explain(LEFT, LEFT)
    assert same.similarity == 1.0
    assert "unnormalised product" in same.warnings[0]
    assert token_saliency(same)[0] == pytest.approx(
        token_saliency(explain(LEFT, LEFT, objective="dot"))[0]
    )
    assert len({round(value, 3) for value in token_saliency(same)[0]}) > 5
    dot, cosine = explain(objective="dot"), explain()
    assert dot.similarity == cosine.similarity, "the reported score stays the model's"
    assert token_saliency(dot) != token_saliency(cosine)


def test_row_17_equal_scores_one_word_no_word():
    assert top_words(pairs_of(0.1, 0.1, 0.1), options=BTIOptions()) == pairs_of(0.1, 0.1, 0.1)
    one = explain("gloves", "wool")
    assert [(p.left, p.right) for p in one.pairs] == [(0, 0)]
    assert one.left.words[0].saliency == one.right.words[0].saliency == 1.0
    for empty in ("", "  \n", "\u200b"):
        nothing = explain(empty, RIGHT)
        assert nothing.similarity == 0.0
        assert nothing.pairs == nothing.matches == nothing.left.words == ()
        assert any("left text has no words" in w for w in nothing.warnings)
        assert all(np.isfinite(word.saliency) for word in nothing.right.words)
    np.testing.assert_array_equal(min_max(np.array([3.0, 3.0])), [1.0, 1.0])
    np.testing.assert_array_equal(min_max(np.array([0.0, 0.0])), [0.0, 0.0])


def test_row_18_last_layer():
    (hidden, gradient, latent), _ = run(point="last_layer")
    np.testing.assert_array_equal(hidden, latent)
    np.testing.assert_allclose(gradient, np.broadcast_to(gradient[0], gradient.shape), atol=1e-8)
    expected = min_max(np.maximum(hidden * gradient, 0).sum(-1).astype(float))
    ours = token_saliency(explain(method="bti_last_layer", words="token"))[0]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_row_19_activations():
    (activation, _, _), _ = run()
    expected = min_max(np.maximum(activation, 0).sum(-1).astype(float))
    ours = token_saliency(explain(method="bti_activations", words="token"))[0]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("norm", ["relu", "l2"])
def test_row_20_gradients(norm):
    (_, gradient, _), _ = run()
    raw = np.maximum(gradient, 0).sum(-1) if norm == "relu" else np.linalg.norm(gradient, axis=-1)
    ours = token_saliency(explain(method="bti_gradients", words="token", gradient_norm=norm))[0]
    np.testing.assert_allclose(ours, min_max(raw.astype(float)), atol=1e-5)


def test_row_21_vanilla_gradients():
    (_, gradient, _), _ = run()
    expected = min_max(np.linalg.norm(gradient, axis=-1).astype(float))
    ours = token_saliency(explain(method="vanilla_gradients", words="token"))[0]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_row_23_tf_idf_of_the_catalogue_and_word_vectors():
    catalogue = ["wool gloves", "wool hat", "warm hat", "soft wool"]
    table = {"wool": [1.0, 0.0], "gloves": [0.6, 0.8], "hat": [0.0, 1.0], "soft": [0.8, -0.6]}
    vectors = WordVectors(
        "rows", {w: k for k, w in enumerate(table)}, np.float32([*table.values()])
    )
    lexicon = Lexicon.fit(catalogue, vectors=vectors)
    explainer = Explainer(tiny("bert").parts, method="tfidf_w2v", lexicon=lexicon)
    left, right = ["soft", "wool", "gloves"], ["wool", "hat", "wool", "warm", "silk"]
    explanation = explainer.explain(" ".join(left), " ".join(right))
    assert explanation.similarity == pytest.approx(
        explain(" ".join(left), " ".join(right)).similarity, abs=1e-6
    ), "the score is the model's"
    fitted = TfidfVectorizer(norm=None).fit(catalogue)
    weights = [
        {w: row[k] for w, k in fitted.vocabulary_.items()}
        for row in fitted.transform([" ".join(left), " ".join(right)]).toarray()
    ]
    scores = {}
    for match in explanation.matches:
        one, other = left[match.left], right[match.right]
        product = weights[0][one] * weights[1][other] * np.dot(table[one], table[other])
        scores[match.left, match.right] = match.score / product
    # "soft" and "wool" find the first "wool", the second one finds "wool"; "gloves" and "hat" agree.
    assert set(scores) == {(0, 0), (1, 0), (2, 1), (1, 2)}
    np.testing.assert_allclose(list(scores.values()), scores[0, 0], rtol=1e-6)
    saliency = {word.text: word.saliency for word in explanation.right.words}
    assert saliency["warm"] == saliency["silk"] == 0.0, "no vector, and not in the catalogue"
    assert {match.right for match in explanation.matches} == {0, 1, 2}


def test_row_24_methods_differ_in_saliency_alone():
    reference = {(m.left, m.right): m.similarity for m in explain().matches}
    methods = [method.name for method in list_methods() if method.source.startswith("Malkiel")]
    assert len(methods) >= 6
    # TF-IDF has vectors of its own (row 23).
    for method in {*methods, "integrated_gradients", "random", "idf"} - {"tfidf_w2v"}:
        other = explain(method=method)
        assert {(m.left, m.right): m.similarity for m in other.matches} == pytest.approx(reference)
    assert get_method("bti").attribute is not get_method("vanilla_gradients").attribute


def test_row_25_nothing_is_cut_in_silence():
    long = "wool " * 500
    cut = explain(long, RIGHT)
    assert cut.left.unread_words == 500 - len(cut.left.words) > 0
    assert (
        f"the last {cut.left.unread_words} words of the left text were not read" in cut.warnings[0]
    )
    assert len(explain(long, RIGHT, long_text="windows").left.words) == 500
    with raises(ValueError, "160", "tokens"):
        explain(long, RIGHT, long_text="error")
