"""Models changed for a test: noise on their embeddings, weights made anew part by part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from whyalike.errors import ModelError
from whyalike.explainer import Explainer
from whyalike.models.encoder import Encoder
from whyalike.models.installed import WordWeights
from whyalike.options import check_choice, check_whole

Draw = Callable[[list[int], Tensor], NDArray[Any]]
"""From the ids of a text's N tokens and their embeddings (N, D) to the noise (N, D)."""


@contextmanager
def disturbed_embeddings(encoder: Encoder, draw: Draw) -> Iterator[None]:
    """Add noise to the token embeddings (B, T, D) of every pass inside; padding gets none.

    Parameters
    ----------
    encoder : Encoder
        The model; its weights are not touched.
    draw : Draw
        Gives a text's noise, which must depend on nothing but its arguments and a seed.
    """
    padding = encoder.tokenizer.pad_token_id

    def disturb(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        # Rows of the table alone, (N, D), are looked up for a baseline, and that is no text.
        if output.dim() != 3:
            return None
        found = output.clone()
        for row, ids in enumerate(inputs[0].tolist()):
            places = [place for place, token in enumerate(ids) if token != padding]
            if places:
                noise = torch.from_numpy(
                    draw([ids[place] for place in places], output[row, places])
                )
                found[row, places] += noise.to(output)
        return found

    with ExitStack() as hooks:
        own = hooks.enter_context(encoder.held())
        # Before any other hook there, so that what is explained is the noisy embedding.
        for module in own.sites.tokens:
            hooks.callback(module.register_forward_hook(disturb, prepend=True).remove)
        yield


EMBEDDINGS, HEAD = "embeddings", "head"

UNUSED = "pooler"
"""Child of a model's body that no similarity of vectors reads: these come from its hidden states.

The head of a cross-encoder may read it.
"""


@dataclass(frozen=True, eq=False)
class ModelPart:
    """A part of a model by name, with its parameters, each once."""

    name: str
    parameters: tuple[nn.Parameter, ...]


def find_parts(encoder: Encoder) -> tuple[ModelPart, ...]:
    """Return the parts that the similarity depends on, from the embeddings up to the head.

    ``embeddings`` is all that is read before the first layer: tokens, positions (relative ones
    too, where they are one table for all layers), segments, their norm and projection. The layers
    are the largest list of modules, wherever the architecture keeps it; ALBERT's, which share
    their weights, are one part. ``head`` is what runs after the last layer: a final norm, a Dense
    of the user's pipeline. What has no weights is no part, nor are the tables of WordWeights, which
    are given and not learnt: they leave special tokens out of a mean, or hold how rare words are.

    What runs when is seen in one pass of a short text; the model is left as it was.
    """
    with encoder.held() as own:
        body = own.sites.body
        layers = _layers(body)
        is_joint = "joint sequence" in encoder.capabilities
        with _calls(own.source.module) as calls:
            if is_joint:
                encoder.score([("text", "text")])
            else:
                encoder.embed(["text"])
    places = _places(body, layers, calls)
    no_part: list[nn.Module] = [
        each for each in own.source.module.modules() if isinstance(each, WordWeights)
    ]
    pooler = getattr(body, UNUSED, None)
    if isinstance(pooler, nn.Module) and not is_joint:
        no_part.append(pooler)
    left_out = {parameter for module in no_part for parameter in module.parameters()}
    found: list[list[nn.Parameter]] = [[] for _ in range(len(layers) + 2)]
    for parameter, place in places.items():
        if parameter not in left_out:
            found[place].append(parameter)
    names = (EMBEDDINGS, *_names(len(layers), encoder.depth), HEAD)
    return tuple(
        ModelPart(name, tuple(parameters))
        for name, parameters in zip(names, found, strict=True)
        if parameters
    )


def _places(
    body: nn.Module, layers: Sequence[nn.Module], calls: Sequence[nn.Module]
) -> dict[nn.Parameter, int]:
    """Return where each parameter belongs: 0 below the layers, then each layer, then above."""
    places = {p: n for n, layer in enumerate(layers, start=1) for p in layer.parameters()}
    reached = 0
    for module in calls:
        for parameter in module.parameters(recurse=False):
            above = len(layers) + 1 if reached == len(layers) else reached
            place = places.setdefault(parameter, above)
            reached = max(reached, min(place, len(layers)))
    # What is never called is read as a table of weights, as DeBERTa's relative positions are.
    for parameter in body.parameters():
        places.setdefault(parameter, 0)
    return places


def _names(count: int, depth: int) -> Sequence[str]:
    shared = "" if count == depth else f", one for {depth // max(count, 1)} layers"
    return [f"layer {n}{shared}" for n in range(1, count + 1)]


def _layers(body: nn.Module) -> list[nn.Module]:
    """Return the members of the largest list of modules; of two alike, the outer one."""
    lists = [each for each in body.modules() if isinstance(each, nn.ModuleList)]
    sizes = [sum(parameter.numel() for parameter in each.parameters()) for each in lists]
    return list(lists[sizes.index(max(sizes))]) if lists else []


@contextmanager
def _calls(module: nn.Module) -> Iterator[list[nn.Module]]:
    """List the modules with weights of their own, in the order in which they are first called."""
    order: dict[nn.Module, None] = {}

    def note(called: nn.Module, _inputs: object) -> None:
        order.setdefault(called)

    calls: list[nn.Module] = []
    with ExitStack() as hooks:
        for each in module.modules():
            if next(each.parameters(recurse=False), None) is not None:
                hooks.callback(each.register_forward_pre_hook(note).remove)
        yield calls
        calls.extend(order)


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

    Parameters
    ----------
    explainer : Explainer
        Whose model it is.
    mode : Mode, default='full'
        Which parts at a time, see Mode.
    keep_embeddings : bool, default=False
        Leave the embeddings as they were trained.
    seed : int, default=0
        Of the new weights.

    Raises
    ------
    OptionError
        An unknown mode; or there is no model, but a function.
    ModelError
        A module does not say how its weights are made.
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

    Raises
    ------
    ModelError
        A module does not say how its weights are made.
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
