"""What is wrong with a model's folder, in one sentence that says what to do."""

import json
import re
from pathlib import Path

import torch

from whyalike.encoder.locating import FoundModel
from whyalike.errors import ModelError, UnsafeModelError

_VOCABULARIES = ("tokenizer*.json", "vocab.*", "*.model", "*.tiktoken", "tekken.json")
_NO_MEMORY = re.compile(
    "out of memory|not enough memory|can(no|')t allocate memory|bad alloc|bad_alloc|os error 12\\b",
    re.IGNORECASE,
)


def refuse_without_tokenizer(found: FoundModel) -> None:
    """Raise ModelError without a vocabulary: transformers would make up an empty one."""
    if not any(True for name in _VOCABULARIES for _ in found.folder.rglob(name)):
        raise ModelError(
            f"The model {found.name} comes without a tokenizer: save it into the same folder, or "
            "give (model, tokenizer)."
        )


def explain_failure(found: FoundModel, error: Exception, *, trusted: bool) -> ModelError:
    """Return the error that says what to do about a failed load."""
    wants_code = "trust_remote_code" in str(error) or _brings_code(found.folder)
    if wants_code and not trusted:
        return UnsafeModelError(
            f"The model {found.name} needs code that comes with it. Read that code, then allow it "
            "with trust_remote_code=True (--trust-remote-code)."
        )
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if is_out_of_memory(error):
        return ModelError(
            f"There is not enough memory to load {found.name} ({message}): free some, choose a "
            "smaller model, or put it elsewhere with device= (--device)."
        )
    if isinstance(error, ImportError) and not wants_code:
        return ModelError(
            f"The model {found.name} needs a package that is not installed here: {message}"
        )
    cause = "the code that comes with it fails" if wants_code else "its folder may be damaged or"
    cause += "" if wants_code else " incomplete"
    return ModelError(
        f"The model {found.name} could not be loaded; {cause}: {type(error).__name__}: {message}"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or what caused it, says that there was no more memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # A processor's allocator, and safetensors', have no class of their own for it.
    if _NO_MEMORY.search(str(error)):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def _brings_code(folder: Path) -> bool:
    """Return whether a pipeline's modules are code of its own."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return any(not module["type"].startswith("sentence_transformers.") for module in modules)
    except (OSError, ValueError, KeyError, TypeError):
        return False
