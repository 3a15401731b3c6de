"""What a method is said to cost is what goes through the model: tokens, and operations."""

from collections import Counter

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.methods.method import BACKWARD, TextSize, list_methods
from whyalike.models.encoder import Encoder
from whyalike.readings import read_texts

PAIRS = [
    ("Warm knit gloves, ribbed.", "These smart gloves are stretch wool; don't take them off."),
    ("Lemon zest and white flowers " * 4, "Keep hands warm with knit gloves " * 5),
    ("Wool.", "Warm wool."),
]
METHODS = [
    method
    for method in list_methods()
    if method.name != "tfidf_w2v" and set(method.requires) <= Encoder.capabilities
]
BY_DERIVATIVES = ("bilrp", "integrated_jacobians", "token_similarity")
"""Hooks do not see how many rows of forward-mode derivatives go through a module, and which part."""
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=["usual", "long", "short"])


@pytest.fixture(scope="module")
def explainer():
    made = Explainer(tiny("bert").parts, pooling="paper")
    made.explain(*PAIRS[0])  # Whether its gradient can be trusted is looked at once.
    return made


def sizes_of(explainer, pair, options):
    found = []
    for reading in read_texts(explainer.model, pair, prompt="", options=options):
        text = reading.prepared.tokens
        tokens = sum(len(row.input_ids) for row in text.rows)
        found.append(
            TextSize(
                words=len(reading.prepared.alignment.spans),
                tokens=tokens,
                special=tokens - len(text.offsets),
                rows=len(text.rows),
                layers=explainer.encoder.depth,
            )
        )
    return found


def with_options(explainer, method, options):
    found = explainer.with_method(method.name)
    found.options = options
    return found


class Counted:
    """Counts the tokens that go forward, and those that a backward pass goes back through."""

    def __init__(self, explainer):
        self.body, self.tokens = explainer.encoder.sites.body, Counter()

    def __enter__(self):
        self.handle = self.body.register_forward_hook(self._forward, with_kwargs=True)
        return self

    def __exit__(self, *_):
        self.handle.remove()

    def _forward(self, _, args, given, output):
        mask = given["attention_mask"]
        # An input that was expanded has one row of its mask for each of its own.
        states = output[0]
        tokens = int(mask.sum()) * len(states) // len(mask)
        self.tokens["forward"] += tokens
        if states.requires_grad:
            states.register_hook(lambda _: self.tokens.update(backward=tokens))


@every_method
@every_pair
@pytest.mark.parametrize(
    "options",
    [
        BTIOptions(ig_steps=4, permutations=3),
        BTIOptions(ig_steps=7, permutations=1, perturbation="mask"),
    ],
    ids=["drop", "mask"],
)
def test_as_many_tokens_go_through_the_model(explainer, method, pair, options):
    if method.name in BY_DERIVATIVES:
        pytest.skip("counted by operations below")
    with Counted(explainer) as counted:
        with_options(explainer, method, options).explain(*pair)
    forward, backward = counted.tokens["forward"], counted.tokens["backward"]
    # Where a backward pass ends before the embeddings, that part counts.
    share = {"whyalike": 1 / 2, "gradient_x_activation": 1 / explainer.encoder.depth}
    share["bti_last_layer"] = 0
    counted = forward + BACKWARD * backward * share.get(method.name, 1)
    assert method.cost(sizes_of(explainer, pair, options), options) == pytest.approx(
        counted, rel=0.15
    )


def operations_of(explainer, method, pair, options):
    """Return the tokens of forward passes that as many operations make."""
    with FlopCounterMode(display=False) as once, torch.no_grad():
        for text in pair:
            explainer.model.embed([text], long_text=options.long_text)
    with FlopCounterMode(display=False) as whole:
        with_options(explainer, method, options).explain(*pair)
    tokens = sum(size.tokens for size in sizes_of(explainer, pair, options))
    return whole.get_total_flops() / once.get_total_flops() * tokens


@pytest.mark.parametrize("name", BY_DERIVATIVES)
@every_pair
@pytest.mark.parametrize("steps", [1, 2])
def test_derivatives_take_as_many_operations(explainer, name, pair, steps):
    """With one or two steps no fewer are tried first, so that their number is known."""
    (method,) = (one for one in METHODS if one.name == name)
    options = BTIOptions(ig_steps=steps)
    expected = operations_of(explainer, method, pair, options)
    cost = method.cost(sizes_of(explainer, pair, options), options)
    assert cost == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize("name", ["bti", "occlusion", "token_similarity", "maxsim", "bilrp"])
def test_long_texts_in_windows_cost_what_their_windows_do(explainer, name):
    (method,) = (one for one in METHODS if one.name == name)
    options = BTIOptions(long_text="windows", permutations=1)
    pair = ("warm knit gloves " * 60, "wool")
    sizes = sizes_of(explainer, pair, options)
    assert sizes[0].rows > 1
    expected = operations_of(explainer, method, pair, options)
    assert method.cost(sizes, options) == pytest.approx(expected, rel=0.35)


@every_method
def test_a_cost_grows_with_the_text_and_is_known_of_none(method):
    costs = [
        method.cost([TextSize(words, words + 2, special=2)], BTIOptions())
        for words in (0, 1, 2, 3, 5, 20, 21, 200, 1_000, 20_000)
    ]
    assert costs == sorted(costs)
    assert 0 <= costs[0] < costs[-1] < float("inf")
