"""The parts of a model that can be re-initialised: embeddings, each layer, and what comes after."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import nn

from whyalike.models.encoder import Encoder

EMBEDDINGS, HEAD = "embeddings", "head"

UNUSED = "pooler"
"""Child of a model's body that no similarity here reads: all come from its hidden states."""


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
    of the user's pipeline. What has no weights is no part.

    What runs when is seen in one pass of a short text; the model is left as it was.
    """
    with encoder.held() as own:
        body = own.sites.body
        layers = _layers(body)
        with _calls(own.source.module) as calls:
            encoder.embed(["text"])
    places = _places(body, layers, calls)
    found: list[list[nn.Parameter]] = [[] for _ in range(len(layers) + 2)]
    for parameter, place in places.items():
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
    pooler = getattr(body, UNUSED, None)
    skipped = set(pooler.parameters()) if isinstance(pooler, nn.Module) else set()
    return {parameter: place for parameter, place in places.items() if parameter not in skipped}


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
