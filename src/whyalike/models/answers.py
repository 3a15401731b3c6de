"""What a user's function returned, as an array; anything else is refused in a sentence."""

import inspect
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import ModelError

BYTE = 255


def read_numbers(answer: object, *, name: str, what: str, wanted: str) -> NDArray[np.generic]:
    """Return what a function gave as an array of real numbers, in the type that it has.

    Parameters
    ----------
    answer : object
        An array, a tensor of any device and precision, or lists of numbers.
    name : str
        What the function is called in errors.
    what : str
        What it returns, in errors: "vectors" or "scores".
    wanted : str
        What it must return, in errors.

    Raises
    ------
    ModelError
        It is no array of real numbers. The message says what it is.
    """
    if reason := _no_numbers(answer):
        raise ModelError(f"{name} returned {reason}; it must return {wanted}.")
    try:
        if isinstance(answer, list | tuple):
            parts = [_on_cpu(part) for part in answer]
            if reason := _no_row(parts):
                raise ModelError(f"{name} returned {what} that make no array: {reason}.")
            found = np.asarray(parts)
        else:
            found = np.asarray(_on_cpu(answer))
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{name} returned {what} that make no array ({error}); it must return {wanted}."
        ) from error
    if found.dtype.kind not in "fiub":
        raise ModelError(
            f"{name} returned {type(answer).__name__} of {found.dtype}; it must return real "
            f"numbers: {wanted}, in an array, a tensor, or lists."
        )
    return found


def _no_numbers(answer: object) -> str:
    """Return what an answer is and what to do, where it is a usual mistake; else nothing."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # Else Python warns that it was never awaited.
        return (
            f"a {type(answer).__name__}, as functions of async def do: give a plain function that "
            "waits for it, such as lambda items: asyncio.run(function(items))"
        )
    if answer is None:
        return "None (is a return statement missing?)"
    if isinstance(answer, Iterator):
        return f"a {type(answer).__name__}, which gives its values one by one: return list(...)"
    if isinstance(answer, Mapping):
        return f"a {type(answer).__name__} (keys {', '.join(map(repr, list(answer)[:5]))})"
    strings = [answer] if isinstance(answer, str | bytes) else answer
    if isinstance(strings, list | tuple) and strings and isinstance(strings[0], str | bytes):
        kind = type(strings[0]).__name__
        return (
            f"{'' if answer is strings[0] else 'a list of '}{kind}: encoded numbers are to be "
            "decoded first, base64 of floats by np.frombuffer(base64.b64decode(text), np.float32)"
        )
    return ""


def _no_row(parts: Sequence[object]) -> str:
    """Return why the parts of a list make no array, where that is missing or of other length."""
    for number, part in enumerate(parts):
        if part is None or (isinstance(part, list | tuple) and any(x is None for x in part)):
            return f"its element {number} {'is' if part is None else 'holds'} None"
    lengths = [
        len(part)
        for part in parts
        if isinstance(part, list | tuple | np.ndarray)
        and not (isinstance(part, np.ndarray) and part.ndim == 0)
    ]
    if lengths and (len(lengths) < len(parts) or len(set(lengths)) > 1):
        if len(lengths) < len(parts):
            return "some of its elements are single numbers, and others have several"
        number = next(n for n, length in enumerate(lengths) if length != lengths[0])
        return f"its element 0 has {lengths[0]} numbers, and its element {number} {lengths[number]}"
    return ""


def _on_cpu(value: object) -> object:
    """Return a tensor as an array, of its own type where NumPy has that; else ``value``."""
    if not isinstance(value, torch.Tensor):
        return value
    tensor = value.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def refuse_bits(numbers: NDArray[np.generic], *, name: str) -> None:
    """Raise ModelError on vectors that are bits, or bytes of packed bits: they have no cosine.

    Signed bytes are let through, for quantised vectors are such, and have one. Whole numbers from 0
    to 255 of which some are above 127 are taken for unsigned bytes, which services send as lists.
    """
    kind, dtype = numbers.dtype.kind, numbers.dtype
    if kind == "f" or not numbers.size or dtype == np.int8:
        return
    unsigned = dtype == np.uint8
    if kind != "b" and not unsigned:
        unsigned = numbers.min() >= 0 and BYTE // 2 < numbers.max() <= BYTE
    if kind == "b" or unsigned:
        said = (
            f"{dtype} vectors, which are bits"
            if kind == "b"
            else (f"{dtype} vectors of whole numbers from 0 to 255, which are bytes of packed bits")
        )
        raise ModelError(
            f"{name} returned {said} as it seems: compare them by similarity_function='hamming'; "
            "or return floats, if they are numbers (of quantised ones, after their zero is taken "
            "away)."
        )


def unpack_bits(numbers: NDArray[np.generic], *, name: str) -> Floats:
    """Return bits as 1 and -1, (N, 8 H) of packed ones (N, H), (N, H) of booleans.

    Packed are bytes, signed or not, as NumPy's packbits and sentence-transformers' precisions
    "ubinary" and "binary" have them, also as lists of whole numbers. Whether a signed byte is the
    unsigned one less 128 or its two's complement changes the first bit of each byte in all vectors,
    and so no agreement of two of them.

    Raises
    ------
    ModelError
        It is neither.
    """
    if numbers.dtype.kind == "b":
        return np.where(numbers, 1.0, -1.0)
    wrong = ""
    if numbers.dtype.kind == "f":
        wrong = f"{numbers.dtype} vectors"
    elif numbers.size and (numbers.min() < -128 or numbers.max() > BYTE):
        wrong = f"{numbers.dtype} vectors with whole numbers beyond a byte"
    elif numbers.size and set(np.unique(numbers).tolist()) <= {0, 1}:
        wrong = f"{numbers.dtype} vectors of 0 and 1, which are bits that are not packed"
    if wrong:
        raise ModelError(
            f"{name} returned {wrong}, and similarity_function='hamming' compares bits: return "
            "packed ones (uint8 or int8, as np.packbits gives them), or an array of bool, such as "
            "vectors > 0."
        )
    packed = (numbers.astype(np.int64) & BYTE).astype(np.uint8)
    return np.unpackbits(packed, axis=-1).astype(np.float64) * 2 - 1
