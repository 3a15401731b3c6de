"""BTI a second time: loops, no batching, finite differences for the gradient, no code shared."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.cluster import MeanShift

from tiny_models import tiny
from whyalike import Explainer

LEFT = "Keep hands warm with knit gloves, touchscreen-compatible."
RIGHT = "Smartphone-friendly gloves are cut from stretch wool."
LEFT_WORDS = ["Keep", "hands", "warm", "with", "knit", "gloves", ",", "touchscreen-compatible", "."]
RIGHT_WORDS = ["Smartphone-friendly", "gloves", "are", "cut", "from", "stretch", "wool", "."]


class ByHand:
    """Everything in double precision, one text at a time, through ``inputs_embeds``."""

    def __init__(self):
        small = tiny("bert")
        self.model = copy.deepcopy(small.model).double()
        self.tokenizer = small.tokenizer

    def read(self, text):
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        ids = torch.tensor(encoded["input_ids"])
        return self.model.embeddings.word_embeddings(ids).detach(), encoded["offset_mapping"]

    def hidden(self, embedded):
        with torch.no_grad():
            return self.model(inputs_embeds=embedded[None])[0][0].numpy()

    def pooled(self, embedded):
        rows = self.hidden(embedded)[1:-1]
        return [sum(row[k] for row in rows) / len(rows) for k in range(rows.shape[1])]

    def gradient(self, embedded, other, step=1e-5):
        slopes = np.zeros(tuple(embedded.shape))
        for i in range(1, len(embedded) - 1):
            for k in range(embedded.shape[1]):
                values = []
                for sign in (1, -1):
                    moved = embedded.clone()
                    moved[i, k] += sign * step
                    values.append(cosine(self.pooled(moved), other))
                slopes[i, k] = (values[0] - values[1]) / (2 * step)
        return slopes

    def token_saliency(self, text, other):
        embedded, _ = self.read(text)
        slopes = self.gradient(embedded, other)
        positions = self.model.embeddings.position_embeddings.weight.detach()
        raw = []
        for i in range(1, len(embedded) - 1):
            activation = embedded[i] + positions[i]
            raw.append(
                sum(max(0.0, float(a) * g) for a, g in zip(activation, slopes[i], strict=True))
            )
        return [(value - min(raw)) / (max(raw) - min(raw)) for value in raw]

    def words(self, text, words, saliency):
        """Whole words with the maximum saliency and the mean vector of their tokens."""
        embedded, offsets = self.read(text)
        rows = self.hidden(embedded)
        result, position = [], 0
        for word in words:
            start = text.index(word, position)
            position = end = start + len(word)
            own = [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
            vector = [sum(rows[i][k] for i in own) / len(own) for k in range(rows.shape[1])]
            result.append((max(saliency[i - 1] for i in own), vector))
        return result


def cosine(u, v):
    product = sum(a * b for a, b in zip(u, v, strict=True))
    return product / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))


def match_words(first, second, reverse):
    """Algorithm 1, lines 5-6, with the arg-max where the paper's index is stale."""
    found = []
    for i, (saliency, vector) in enumerate(first):
        best = 0
        for j in range(1, len(second)):
            if cosine(vector, second[j][1]) > cosine(vector, second[best][1]):
                best = j
        similarity = cosine(vector, second[best][1])
        score = saliency * second[best][0] * similarity
        found.append(((best, i) if reverse else (i, best), similarity, score))
    return found


@pytest.fixture(scope="module")
def by_hand():
    naive = ByHand()
    left, right = naive.pooled(naive.read(LEFT)[0]), naive.pooled(naive.read(RIGHT)[0])
    first = naive.words(LEFT, LEFT_WORDS, naive.token_saliency(LEFT, right))
    second = naive.words(RIGHT, RIGHT_WORDS, naive.token_saliency(RIGHT, left))
    matches = {}
    for pair, similarity, score in match_words(first, second, False) + match_words(
        second, first, True
    ):
        matches[pair] = (similarity, score)
    scores = np.array([score for _, score in matches.values()])
    clusters = MeanShift().fit(scores[:, None])
    ranked = sorted(set(clusters.labels_), key=lambda label: -clusters.cluster_centers_[label, 0])
    selected = {
        pair for pair, label in zip(matches, clusters.labels_, strict=True) if label in ranked[:2]
    }
    return cosine(left, right), first, second, matches, selected


@pytest.fixture(scope="module")
def explanation():
    return Explainer(tiny("bert").parts, method="bti").explain(LEFT, RIGHT)


def test_similarity(by_hand, explanation):
    assert explanation.similarity == pytest.approx(by_hand[0], abs=1e-5)


def test_word_saliencies(by_hand, explanation):
    for words, side, texts in (
        (by_hand[1], explanation.left, LEFT_WORDS),
        (by_hand[2], explanation.right, RIGHT_WORDS),
    ):
        assert [word.text for word in side.words] == texts
        np.testing.assert_allclose(
            [word.saliency for word in side.words], [saliency for saliency, _ in words], atol=1e-4
        )


def test_matches_and_their_scores(by_hand, explanation):
    ours = {(match.left, match.right): match for match in explanation.matches}
    assert ours.keys() == by_hand[3].keys()
    for pair, (similarity, score) in by_hand[3].items():
        assert ours[pair].similarity == pytest.approx(similarity, abs=1e-4)
        assert ours[pair].score == pytest.approx(score, abs=1e-4)


def test_selected_pairs(by_hand, explanation):
    assert {(pair.left, pair.right) for pair in explanation.pairs} == by_hand[4]
