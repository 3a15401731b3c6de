"""What a model's own code raises, as an error that says whose it is and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from whyalike.errors import ModelError, WhyalikeError

NO_GRADIENT = (
    "{name} gives vectors that have no gradient: a step of it leaves torch, rounds its numbers, or "
    "cuts the graph. Choose a method that needs none, such as 'occlusion' or 'shapley'."
)


@contextmanager
def explained_failures(name: str) -> Iterator[None]:
    """Raise ModelError for what the code of the model ``name`` raises inside the block."""
    try:
        yield
    except WhyalikeError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"There is too little memory to run {name}: give fewer or shorter texts at once "
            "(batch_size), or another device."
        ) from error
    except Exception as error:
        message = (str(error).strip().splitlines() or [""])[0]
        if "does not require grad" in message:
            raise ModelError(NO_GRADIENT.format(name=name)) from error
        if "modified by an inplace operation" in message:
            raise ModelError(
                f"The weights of {name} were changed while it was explained: explain it when "
                "nothing trains it, or explain a copy."
            ) from error
        said = f": {message}" if message else ""
        raise ModelError(
            f"{name} failed while it ran ({type(error).__name__}{said}). If it runs outside of "
            "whyalike, choose a method that only needs its vectors, such as 'occlusion'."
        ) from error
