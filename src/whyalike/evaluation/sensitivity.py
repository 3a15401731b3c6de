"""Max-sensitivity: how much an explanation changes when the input hardly does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from whyalike.arrays import Floats
from whyalike.errors import OptionError
from whyalike.evaluation.changed_models import disturbed_embeddings
from whyalike.evaluation.metrics import Metric, PairValues
from whyalike.evaluation.perturbed import (
    attributions,
    explanations_of,
    generator_for,
    method_of,
    says_nothing,
)
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.models.encoder import Encoder
from whyalike.options import check_whole

METRICS: dict[str, Metric] = {
    "max_sensitivity": Metric(
        "max_sensitivity",
        "greatest relative change of the attributions under small noise in the embeddings; 0 is no "
        "merit of `random` and `idf`, which do not look at them",
        "Yeh et al. 2019, Def. 3.1, relative as in Captum",
        False,
    )
}


def largest_change(original: Floats, disturbed: Floats) -> float:
    """Return max over n of ||original - disturbed_n|| / ||original||; not divided if that is 0.

    Yeh et al. 2019, Def. 3.1, relative to the explanation's norm as Captum's ``sensitivity_max``.

    Parameters
    ----------
    original : Floats
        (W,), the explanation.
    disturbed : Floats
        (S, W), explanations of inputs nearby.
    """
    norm = float(np.linalg.norm(original)) or 1.0
    return float(np.linalg.norm(disturbed - original, axis=1).max()) / norm


def measure_sensitivity(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    explanations: Sequence[Explanation] | None = None,
    samples: int = 10,
    radius: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PairValues:
    """Explain pairs again and again under noise in their token embeddings.

    Noise is uniform in a box around each token's embedding, as in Captum's ``sensitivity_max``. The
    attributions of both texts' words are one vector: contributions where the method gives them,
    else saliency. Methods that do not look at the model have 0, which is no merit. The model is
    left as it was.

    Parameters
    ----------
    explainer : Explainer
        A model whose inside can be seen, and the method, also of ``explanations``.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    explanations : sequence of Explanation, optional
        Of these pairs by that method; without them, the pairs are explained here.
    samples : int, default=10
        How many times each pair is explained under noise.
    radius : float, default=0.1
        Half the side of the box, in units of the root mean square of the token table.
    seed : int, default=0
        Of the noise, which depends on a text's tokens besides, and not on the batch.
    progress : Callable[[int, int], None], optional
        Called with how many of the samples are done, and how many there are.

    Raises
    ------
    OptionError
        An option that is not allowed, a model that is a function, or explanations of something
        else.
    TextError, ModelError
        As ``Explainer.explain_many``.
    """
    check_whole("samples", samples)
    check_whole("seed", seed, least=0)
    if not 0 < radius < float("inf"):
        raise OptionError(f"radius is {radius!r}; give a number above 0.")
    method = method_of(explainer, explanations)
    if method != explainer.method.name:
        raise OptionError(
            f"The explanations are by {method!r} and the Explainer explains by "
            f"{explainer.method.name!r}: give explainer.with_method({method!r})."
        )
    encoder, pairs = explainer.encoder, list(pairs)
    originals = list(explanations_of(explainer, pairs, explanations))
    disturbed: list[list[Floats]] = [[] for _ in pairs]
    for sample in range(samples):
        with noise(encoder, radius=radius, seed=(seed, sample)):
            for found, explanation in zip(disturbed, explainer.explain_many(pairs), strict=True):
                found.append(_both(explanation))
        if progress is not None:
            progress(sample + 1, samples)
    changes = [
        largest_change(_both(original), np.array(found))
        for original, found in zip(originals, disturbed, strict=True)
    ]
    return PairValues(
        method=method,
        model=encoder.name,
        similarity=np.array([original.similarity for original in originals]),
        values={"max_sensitivity": {"both": np.array(changes, dtype=np.float64)}},
        constant=np.array([says_nothing(e, marks=True) for e in originals], dtype=bool),
        settings={"samples": samples, "radius": radius, "seed": seed},
    )


@contextmanager
def noise(encoder: Encoder, *, radius: float, seed: object) -> Iterator[None]:
    """Add uniform noise to the embedding of every token, the same for a text in any batch.

    Parameters
    ----------
    encoder : Encoder
        The model.
    radius : float
        Half the width of the noise, in units of the root mean square of the token table.
    seed : object
        Anything; equal ones give equal noise.
    """
    table = encoder.sites.tokens[0].weight
    if not isinstance(table, Tensor):
        raise OptionError(f"The token embedding of {encoder.name} has no table of weights.")
    scale = radius * float(table.detach().double().pow(2).mean().sqrt())

    def draw(ids: list[int], embeddings: Tensor) -> Floats:
        generator = generator_for("noise", seed, ids)
        return generator.uniform(-scale, scale, size=tuple(embeddings.shape))

    with disturbed_embeddings(encoder, draw):
        yield


def _both(explanation: Explanation) -> Floats:
    """(W + W',): the attributions of the words of both texts."""
    return np.concatenate([attributions(explanation.left), attributions(explanation.right)])
