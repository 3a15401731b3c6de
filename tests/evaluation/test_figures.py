"""The paper's figures: their numbers against other derivations, and files that can be opened."""

import io
from dataclasses import replace
from math import nan

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import OptionError, OutputError, TextError
from whyalike.evaluation.changed_models import randomized_states
from whyalike.evaluation.figures import (
    describe_agreement,
    draw_gradient_norms,
    draw_randomized_pair,
    gradient_norms,
    randomized_pair,
    write_figure,
)
from whyalike.models.embedded import EmbeddedText


@pytest.fixture(scope="module")
def explainer():
    return Explainer(tiny("bert").parts)


def size(draw, data):
    """The picture's height and width in pixels."""
    stream = io.BytesIO()
    draw(data, stream, format="png", dpi=50)
    stream.seek(0)
    return imread(stream).shape[:2]


def test_norms_against_differences_of_the_similarity(explainer):
    """Each component of E moved by hand, with the other text held fixed."""
    left, right = "knit gloves warm", "wool from the hands"
    encoder = explainer.encoder
    tokens = encoder.tokenize([left, right])
    norms = gradient_norms(explainer, left, right)
    for side, (own, other) in ((norms.left, tokens), (norms.right, tokens[::-1])):
        with encoder.held():
            text, fixed = (
                EmbeddedText(encoder, t, options=explainer.options) for t in (own, other)
            )
            target = fixed.vector.double()
            slow = []
            for position in text.positions.tolist():
                slopes = []
                for feature in range(text.embedding.shape[-1]):
                    moved = text.embedding.repeat(2, 1, 1)
                    moved[0, position, feature] += 1e-2
                    moved[1, position, feature] -= 1e-2
                    with torch.no_grad():
                        vectors = text.vectors(moved).double()
                    cosines = torch.cosine_similarity(vectors, target)
                    slopes.append(float(cosines[0] - cosines[1]) / 2e-2)
                slow.append(sum(slope**2 for slope in slopes) ** 0.5)
        assert len(slow) == len(side)
        assert side == pytest.approx(slow, rel=2e-2)


def test_vanilla_gradients_are_the_norms_scaled(explainer):
    pair = ("knit gloves warm hands", "wool from the hands")
    norms = gradient_norms(explainer, *pair)
    explanation = explainer.with_method("vanilla_gradients").explain(*pair)
    for side, words in ((norms.left, explanation.left), (norms.right, explanation.right)):
        scaled = (side - side.min()) / (side.max() - side.min())
        assert [word.saliency for word in words.words] == pytest.approx(scaled)
    assert norms.explanation.similarity == explanation.similarity


@pytest.mark.parametrize(
    "pair",
    [
        ("", TEXTS[0]),
        ("gloves", "gloves"),
        (TEXTS[3], TEXTS[1]),
        ("warm gloves " * 60, "knit"),
    ],
)
def test_figures_of_any_texts(explainer, pair):
    draws = (
        (draw_gradient_norms, gradient_norms(explainer, *pair)),
        (draw_randomized_pair, randomized_pair(explainer, *pair)),
    )
    for draw, data in draws:
        height, width = size(draw, data)
        assert width == 500
        assert height > 100


def test_more_words_are_more_rows_up_to_a_limit(explainer):
    norms = gradient_norms(explainer, "warm gloves", "knit")
    word = norms.explanation.left.words[0]

    def with_words(count):
        side = replace(norms.explanation.left, words=(word,) * count)
        return replace(
            norms, explanation=replace(norms.explanation, left=side), left=np.ones(count)
        )

    heights = [size(draw_gradient_norms, with_words(n))[0] for n in (10, 400, 5000)]
    assert heights[0] + 500 < heights[1]
    assert 0 < heights[2] - heights[1] < 30


@pytest.mark.parametrize("words", [1, 2, 13, 14, 30])
def test_bars_take_the_width_of_the_canvas(explainer, words):
    """However few words there are: the rules behind the bars end at the margin."""
    text = " ".join(["glove"] * words)
    stream = io.BytesIO()
    draw_gradient_norms(gradient_norms(explainer, text, text), stream, format="png", dpi=50)
    stream.seek(0)
    picture = imread(stream)[..., :3]
    drawn = np.flatnonzero((picture < 0.98).any(axis=(0, 2)))
    assert drawn[-1] / picture.shape[1] == pytest.approx(1 - drawn[0] / picture.shape[1], abs=0.02)


def test_the_pair_is_that_of_the_state_and_its_seed(explainer):
    pair = randomized_pair(explainer, *TEXTS[:2], seed=5)
    (state,) = randomized_states(explainer, seed=5)
    assert pair.randomised == state.explainer.explain(*TEXTS[:2])
    assert pair.trained == explainer.explain(*TEXTS[:2])
    other = randomized_pair(explainer, *TEXTS[:2], seed=6)
    assert other.randomised != pair.randomised
    kept = randomized_pair(
        explainer.with_method("bti_activations"), *TEXTS[:2], keep_embeddings=True
    )
    assert kept.agreement["spearman"] == pytest.approx(1)
    assert "Rank correlation of word saliency: 1.00" in describe_agreement(kept)[0]
    undefined = replace(pair, agreement=dict.fromkeys(pair.agreement, nan), chance=nan)
    assert "undefined (chance undefined)" in describe_agreement(undefined)[1]


@pytest.mark.parametrize(
    ("number", "ending"), [(2, "png"), (2, "svg"), (3, "svg"), (4, "png"), (4, "SVG")]
)
def test_files_are_what_their_ending_says_and_the_same_twice(explainer, tmp_path, number, ending):
    paths = [tmp_path / f"{n}.{ending}" for n in (1, 2)]
    for path in paths:
        write_figure(explainer, *TEXTS[:2], path, number=number, dpi=60)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_wrong_figures_are_told(explainer, tmp_path):
    with raises(OptionError, ".png", ".svg"):
        write_figure(explainer, *TEXTS[:2], tmp_path / "why.pdf", number=2)
    with raises(OptionError, "2", "3", "4"):
        write_figure(explainer, *TEXTS[:2], tmp_path / "why.png", number=5)
    with pytest.raises(OutputError):
        write_figure(explainer, "a", "b", tmp_path / "no" / "why.png", number=3)
    with pytest.raises(TextError):
        write_figure(explainer, 3, "b", tmp_path / "why.png", number=4)
    blind = Explainer(embed=lambda texts: [[float(len(text)), 1.0] for text in texts])
    for number in (2, 4):
        with raises(OptionError, "vectors", "whole texts"):
            write_figure(blind, "a", "b", tmp_path / "why.png", number=number)
    assert not list(tmp_path.iterdir())
