"""What is wrong with a model's folder, in one sentence that says what to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedModel

from whyalike.encoder.locating import FoundModel
from whyalike.errors import ModelError, UnsafeModelError

_VOCABULARIES = ("tokenizer*.json", "vocab.*", "*.model", "*.tiktoken", "tekken.json")


def refuse_pickles(found: FoundModel) -> None:
    """Raise UnsafeModelError if weights stand there pickled and not as safetensors too."""
    for pickled in sorted(found.folder.rglob("pytorch_model*.bin")):
        if not any(pickled.parent.glob("model*.safetensors")):
            raise UnsafeModelError(
                f"The weights of {found.name} are pickled ({pickled.name}), and unpickling can "
                "run code. Convert them to safetensors, or allow it with allow_pickle=True "
                "(--allow-pickle) if you trust their source."
            )


def refuse_without_tokenizer(found: FoundModel) -> None:
    """Raise ModelError without a vocabulary: transformers would make up an empty one."""
    if not any(True for name in _VOCABULARIES for _ in found.folder.rglob(name)):
        raise ModelError(
            f"The model {found.name} comes without a tokenizer: save it into the same folder, or "
            "give (model, tokenizer)."
        )


def refuse_made_up_weights(found: FoundModel, model: PreTrainedModel) -> None:
    """Raise ModelError if tensors that the model uses are not in its files.

    transformers fills them with random numbers, and says so in its log only. Names may differ
    between file and model, so that a difference of names is only a reason to ask transformers.
    """
    folder = _weights_folder(found.folder)
    stored = set(_stored_names(folder))
    if not stored or not any(_is_missing(name, stored) for name in model.state_dict()):
        return
    loaded: Any = type(model).from_pretrained(
        folder, output_loading_info=True, local_files_only=True, config=model.config
    )
    report = loaded[1]
    # The pooler is often absent, and never used here.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ModelError(
            f"The weights of {found.name} lack {len(missing)} tensors ({missing[0]} and others), "
            "which would be filled with random numbers: its folder is damaged or incomplete."
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
    cause = "the code that comes with it fails" if wants_code else "its folder may be damaged or"
    cause += "" if wants_code else " incomplete"
    return ModelError(
        f"The model {found.name} could not be loaded; {cause}: {type(error).__name__}: {message}"
    )


def _weights_folder(folder: Path) -> Path:
    """Return where the transformer's own files are: a pipeline may keep them in a folder below."""
    if any(folder.glob("model*.safetensors")):
        return folder
    return next((path.parent for path in sorted(folder.glob("*/model*.safetensors"))), folder)


def _stored_names(folder: Path) -> Iterator[str]:
    for file in folder.glob("model*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            yield from tensors.keys()


def _is_missing(name: str, stored: set[str]) -> bool:
    """Return whether no stored name is this one, with or without the prefix of a head's model."""
    if "pooler" in name or name in stored:
        return False
    return not any(other.endswith(f".{name}") or name.endswith(f".{other}") for other in stored)


def _brings_code(folder: Path) -> bool:
    """Return whether a pipeline's modules are code of its own."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return any(not module["type"].startswith("sentence_transformers.") for module in modules)
    except (OSError, ValueError, KeyError, TypeError):
        return False
