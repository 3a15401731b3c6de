"""Whether the gradient that a model gives is the slope of its vectors."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn.functional import normalize

from whyalike.errors import ModelError
from whyalike.models.embedded import EmbeddedText
from whyalike.models.replica import NO_GRADIENT, explained_failures, outside_inference
from whyalike.models.scorer import JointReader
from whyalike.models.tokens import TokenizedText
from whyalike.options import GradientOptions

if TYPE_CHECKING:
    from whyalike.models.encoder import Encoder


SAMPLES = (
    "Derivatives and differences say the same of a smooth function.",
    "How much does a small change of one word matter?",
)

STEP, JOINT_STEPS, HALF_STEPS = 0.03, (0.03, 0.01), (0.1, 0.05, 0.02)
"""Length of a step, as a part of the embedding's. Half precision rounds short ones away, and long
ones leave the straight part of some models: the best counts there, and for the one logit of a
sequence of two texts (off by .011 at most, measured on eight architectures)."""

TOLERANCE = 0.2
"""Part by which gradient and differences may differ. Measured on eleven architectures: at most
.007 in single precision, .1 in bfloat16; with dynamic int8 layers, .32 to .87."""


def check_gradient(encoder: "Encoder") -> None:
    """Raise ModelError where the gradient at the embeddings is not the slope of the vector.

    Layers without a backward pass, such as dynamic int8 ones, let a gradient through that runs past
    them and knows nothing of them.
    """
    error = gradient_error(encoder)
    if error > TOLERANCE:
        raise ModelError(
            f"The gradient that {encoder.name} gives is off by {error:.0%} of how its vectors "
            "really change: a part of it has no gradient of its own, as layers in dynamic int8 "
            "have none. Load it without quantisation, or choose a method that needs no gradient, "
            "such as 'occlusion' or 'shapley'."
        )


def gradient_error(encoder: "Encoder") -> float:
    """Return by how much gradient and differences differ, as a part of the larger of them.

    The slope of a text's vector, along another's, is taken in four directions at the token
    embeddings: the gradient's own, the embedding's, and two at random. Differences are central,
    in steps of two lengths (Richardson's extrapolation).

    Raises
    ------
    ModelError
        There is no gradient at all.
    """
    texts: Sequence[TokenizedText]
    joint = "joint sequence" in encoder.capabilities
    if joint:
        (texts,) = cast("JointReader", encoder).tokenize_pairs([SAMPLES])
    else:
        texts = encoder.tokenize(SAMPLES)
    if not all(text.rows and len(text.offsets) for text in texts):
        return 0.0
    with outside_inference():
        left, right = (
            EmbeddedText(
                encoder, text, options=GradientOptions(activation="token"), row=text.rows[0]
            )
            for text in texts
        )
        goal = normalize(right.raw.detach().double(), dim=-1)[0]

        def value(embeddings: Tensor) -> Tensor:
            found: Tensor = left.ends(embeddings)[1].double() @ goal
            return found

        slope = _slope(encoder, value, left.embedding)
        point, length = left.embedding.double(), float(left.embedding.double().norm())
        coarse = left.embedding.dtype in (torch.float16, torch.bfloat16)
        generator = torch.Generator().manual_seed(0)
        random = torch.randn((2, *point.shape), generator=generator).to(point)
        ways = torch.stack([slope, point, *random])
        ways = ways / ways.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
        said = (slope * ways).flatten(1).sum(1)
        with torch.no_grad():
            return min(
                _difference(value, point, ways, said, step=length * part, like=left.embedding)
                for part in (HALF_STEPS if coarse else JOINT_STEPS if joint else (STEP,))
            )


def _difference(
    value: Callable[[Tensor], Tensor],
    point: Tensor,
    ways: Tensor,
    said: Tensor,
    *,
    step: float,
    like: Tensor,
) -> float:
    """Return by how much slopes ``said`` along unit ways differ from those of steps along them.

    What rounding explains is no difference: there are vectors that hardly change at all.
    """
    steps = [(size, sign) for size in (step, step / 2) for sign in (1, -1)]
    places = [point + sign * size * way for way in ways for size, sign in steps]
    # What the last digits of the embedding change, as rounding does inside of the model.
    generator, digit = torch.Generator().manual_seed(1), torch.finfo(like.dtype).eps
    last_digits = torch.randn((4, *point.shape[1:]), generator=generator).to(point)
    jittered = point * (1 + digit * last_digits)
    everything = value(torch.cat([*places, jittered]).to(like.dtype))
    values, noise = everything[:-4].view(len(ways), 2, 2), float(everything[-4:].std())
    far, near = ((values[:, :, 0] - values[:, :, 1]) / torch.tensor([2 * step, step]).to(values)).T
    found = (4 * near - far) / 3
    scale = float(torch.maximum(found.norm(), said.norm()))
    missed = float((found - said).norm()) - 8 * noise / step
    return missed / scale if missed > 0 else 0.0


def _slope(encoder: "Encoder", value: Callable[[Tensor], Tensor], embedding: Tensor) -> Tensor:
    with torch.enable_grad(), explained_failures(encoder.name):
        point = embedding.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(value(point).sum(), point, allow_unused=True)
    if found is None:
        raise ModelError(NO_GRADIENT.format(name=encoder.name))
    slope: Tensor = found.double()
    return slope
