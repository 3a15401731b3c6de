"""From vectors to scores, whatever a processor rounded on the way."""

import pytest
import torch

from tiny_models import tiny
from whyalike import Explainer
from whyalike.models.pipeline import TokenPair, score_pairs
from whyalike.options import BTIOptions


@pytest.mark.parametrize(
    ("function", "expected"), [("cosine", 1.0), ("euclidean", 0.0), ("manhattan", 0.0)]
)
def test_a_text_and_itself_are_identical_whatever_their_rows_were_rounded_to(function, expected):
    encoder = Explainer(tiny("bert").parts).encoder
    same, other = encoder.tokenize(["warm wool", "keep hands warm"])
    draw = torch.Generator().manual_seed(0)
    vector = torch.randn(32, generator=draw)
    rounded = vector * (1 + 1e-6 * torch.randn(32, generator=draw))
    pairs = [TokenPair(same, same), TokenPair(same, other)]
    scores = score_pairs(
        torch.stack([vector, rounded, vector, vector + 1]),
        torch.stack([vector, rounded, vector, vector + 1]),
        pairs,
        function=function,
        options=BTIOptions(),
    )
    assert scores.similarity[0] == expected
    assert scores.similarity[1] < expected - 1e-3
    assert scores.identical.tolist() == [True, False]
