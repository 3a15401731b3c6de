"""Copies of a model with weights made anew, part by part, as its architecture makes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn
from transformers import PreTrainedModel

from whyalike.errors import ModelError
from whyalike.evaluation.layers import EMBEDDINGS, ModelPart, find_parts
from whyalike.explainer import Explainer
from whyalike.models.encoder import Encoder
from whyalike.options import check_choice, check_whole

Mode = Literal["full", "cascade", "cascade_up", "independent"]
"""Which parts get new weights.

- full: all at once
- cascade: one after the other from the head down, each step on top of the last
- cascade_up: the same from the embeddings up
- independent: each part alone
"""


REACH = {"cascade": " and above", "cascade_up": " and below", "independent": " alone"}
MOST_PARTS = 10_000
"""More parts than any model has, so that no two seeds share the draw of a part."""


@dataclass(frozen=True, eq=False)
class RandomizedState:
    """A model in which ``parts`` have new weights, behind an Explainer of the same settings.

    All states of one model share the copy: a state is what it says until the next one is taken.
    """

    name: str
    parts: tuple[str, ...]
    explainer: Explainer


def randomized_states(
    explainer: Explainer, *, mode: Mode = "full", keep_embeddings: bool = False, seed: int = 0
) -> Iterator[RandomizedState]:
    """Yield the states of a parameter randomisation test (Adebayo et al. 2018, section 3).

    Weights are drawn as the architecture draws them before training, norms and biases included,
    and each part's depend on the seed and the part only: the last state of a cascade is that of
    ``full``. The user's model is copied, and neither it nor torch's random state changes.

    Args:
        explainer: whose model it is.
        mode: which parts at a time, see Mode.
        keep_embeddings: leave the embeddings as they were trained.
        seed: of the new weights.

    Raises:
        OptionError: an unknown mode; or there is no model, but a function.
        ModelError: a module does not say how its weights are made.
    """
    check_choice("mode", mode, get_args(Mode))
    check_whole("seed", seed, least=0)
    original = explainer.encoder
    # A tokenizer has no weights, and is the same for both.
    randomized = deepcopy(original, {id(original.tokenizer): original.tokenizer})
    other = copy(explainer)
    other.model = randomized
    twins = zip(find_parts(randomized), find_parts(original), strict=True)
    parts = [
        (number, new, old)
        for number, (new, old) in enumerate(twins)
        if not (keep_embeddings and new.name == EMBEDDINGS)
    ]
    done: list[str] = []
    for number, new, old in reversed(parts) if mode == "cascade" else parts:
        reinitialize(randomized, new, seed=seed * MOST_PARTS + number)
        done.append(new.name)
        if mode != "full":
            yield RandomizedState(new.name + REACH[mode], tuple(done), other)
        if mode == "independent":
            _restore(new, old)
            done.clear()
    if mode == "full":
        yield RandomizedState("all", tuple(done), other)


def count_states(explainer: Explainer, *, mode: Mode, keep_embeddings: bool) -> int:
    """Return how many states ``randomized_states`` yields. Raises OptionError as it does."""
    check_choice("mode", mode, get_args(Mode))
    names = [part.name for part in find_parts(explainer.encoder)]
    return 1 if mode == "full" else len(names) - (keep_embeddings and EMBEDDINGS in names)


def reinitialize(encoder: Encoder, part: ModelPart, *, seed: int) -> None:
    """Give the weights of one part the values of an untrained model, in place.

    The transformer's own ``_init_weights`` does it, and ``reset_parameters`` of modules that a
    pipeline adds.

    Raises:
        ModelError: a module does not say how its weights are made.
    """
    body, chosen = encoder.sites.body, set(part.parameters)
    devices = {p.device for p in part.parameters if p.device.type == "cuda"}
    with torch.no_grad(), torch.random.fork_rng(devices=list(devices)), _held(encoder, chosen):
        torch.manual_seed(seed)
        for parameter in part.parameters:
            parameter.fill_(torch.nan)
        _initialize_transformer(body, chosen)
        for name, module in encoder.source.module.named_modules():
            own = chosen.intersection(module.parameters(recurse=False))
            if not any(parameter.isnan().any() for parameter in own):
                continue
            if not callable(reset := getattr(module, "reset_parameters", None)):
                raise ModelError(
                    f"The module {name} ({type(module).__name__}) of {encoder.name} does not say "
                    "how its weights are made, so it can't be randomised: give it "
                    "reset_parameters(), or use a model without it."
                )
            reset()


def _initialize_transformer(body: PreTrainedModel, chosen: set[nn.Parameter]) -> None:
    """Run the initialisation of transformers, which passes by whatever is marked as loaded."""
    for parameter in body.parameters():
        parameter._is_hf_initialized = parameter not in chosen  # type: ignore[attr-defined]
    for module in body.modules():
        module._is_hf_initialized = chosen.isdisjoint(module.parameters())  # type: ignore[assignment]
    body.initialize_weights()  # type: ignore[no-untyped-call]


@contextmanager
def _held(encoder: Encoder, chosen: set[nn.Parameter]) -> Iterator[None]:
    """Keep all other weights: a model's own code may set more than what is marked."""
    others = [p for p in encoder.source.module.parameters() if p not in chosen]
    kept = [parameter.detach().clone() for parameter in others]
    yield
    for parameter, value in zip(others, kept, strict=True):
        parameter.copy_(value)


def _restore(part: ModelPart, trained: ModelPart) -> None:
    pairs: Sequence[tuple[nn.Parameter, nn.Parameter]] = tuple(
        zip(part.parameters, trained.parameters, strict=True)
    )
    with torch.no_grad():
        for parameter, value in pairs:
            parameter.copy_(value)
