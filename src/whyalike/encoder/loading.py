"""Turn what a user gives as a model into the parts that an encoder needs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from whyalike.encoder.locating import FoundModel, find_model
from whyalike.errors import ModelError, UnsafeModelError

ModelSource = str | Path | SentenceTransformer | tuple[PreTrainedModel, PreTrainedTokenizerBase]

_VOCABULARIES = ("tokenizer*.json", "vocab.*", "*.model", "*.tiktoken", "tekken.json")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model taken apart. ``pipeline`` is None for a bare Hugging Face encoder."""

    name: str
    transformer: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pipeline: SentenceTransformer | None


def load(
    source: ModelSource,
    *,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> LoadedModel:
    """Load or take apart a model.

    Args:
        source: a hub name, a local path, a SentenceTransformer, or (model, tokenizer).
        device: where to put a model that is loaded here; a given object stays where it is.
        trust_remote_code: allow code that comes with the model to run.
        allow_pickle: allow weights that are not safetensors.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError.
    """
    if isinstance(source, SentenceTransformer):
        return _from_pipeline(source, _name_of(source))
    if isinstance(source, tuple) and len(source) == 2:
        return _from_parts(*source)
    if not isinstance(source, str | Path):
        raise ModelError(
            f"The model is of type {type(source).__name__}. Give a name, a path, a "
            "SentenceTransformer, or a tuple of a PreTrainedModel and its tokenizer."
        )
    found = find_model(str(source), allow_pickle=allow_pickle)
    if not allow_pickle:
        _refuse_pickles(found)
    _refuse_without_tokenizer(found)
    try:
        return _from_folder(found, device, trust_remote_code, allow_pickle)
    except ModelError:
        raise
    except Exception as error:
        raise _explained(found, error) from error


def _from_folder(
    found: FoundModel, device: str | None, trust_remote_code: bool, allow_pickle: bool
) -> LoadedModel:
    weights: dict[str, Any] = {} if allow_pickle else {"use_safetensors": True}
    if (found.folder / "modules.json").is_file():
        pipeline = SentenceTransformer(
            str(found.folder),
            device=device,
            trust_remote_code=trust_remote_code,
            model_kwargs=weights,
            local_files_only=True,
        )
        return _from_pipeline(pipeline, found.name)
    tokenizer = AutoTokenizer.from_pretrained(
        found.folder, trust_remote_code=trust_remote_code, local_files_only=True
    )
    model, report = AutoModel.from_pretrained(
        found.folder,
        trust_remote_code=trust_remote_code,
        local_files_only=True,
        output_loading_info=True,
        **weights,
    )
    # The pooler is often absent, and never used here.
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise ModelError(
            f"The weights of {found.name} lack {len(missing)} tensors ({missing[0]} and others), "
            "which would be filled with random numbers: its folder is damaged or incomplete."
        )
    return _from_parts(model.to(device or _best_device()), tokenizer, name=found.name)


def _from_pipeline(pipeline: SentenceTransformer, name: str) -> LoadedModel:
    transformer = pipeline.transformers_model
    if transformer is None:
        raise ModelError(
            f"{name} has no transformer inside (its first module is "
            f"{type(pipeline[0]).__name__}), so there are no token embeddings to explain."
        )
    return LoadedModel(name, transformer, _fast(pipeline.tokenizer, name), pipeline)


def _from_parts(model: object, tokenizer: object, *, name: str | None = None) -> LoadedModel:
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"The first of the two is of type {type(model).__name__}, not a PreTrainedModel. "
            "Give (model, tokenizer)."
        )
    name = name or getattr(model.config, "name_or_path", "") or type(model).__name__
    encoder = model
    if model.config.is_encoder_decoder and hasattr(model, "get_encoder"):
        encoder = cast("PreTrainedModel", model.get_encoder())
    return LoadedModel(name, encoder, _fast(tokenizer, name), None)


def _fast(tokenizer: object, name: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer if it can say which characters each token covers."""
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError(
            f"The model {name} comes without a tokenizer (found: {type(tokenizer).__name__}). "
            "Give (model, tokenizer), or save the tokenizer into the model's folder."
        )
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {name} is {type(tokenizer).__name__}, a slow one without character "
            "offsets, so words can't be found. Load it with use_fast=True, or convert it to "
            "tokenizer.json."
        )
    return tokenizer


def _folders(found: FoundModel) -> list[Path]:
    """Return the model's folder and those of its modules."""
    return [found.folder, *(path for path in found.folder.iterdir() if path.is_dir())]


def _refuse_pickles(found: FoundModel) -> None:
    for folder in _folders(found):
        pickled = sorted(folder.glob("pytorch_model*.bin"))
        if pickled and not any(folder.glob("*.safetensors")):
            raise UnsafeModelError(
                f"The weights of {found.name} are pickled ({pickled[0].name}), and unpickling can "
                "run code. Convert them to safetensors, or allow it with allow_pickle=True "
                "(--allow-pickle) if you trust their source."
            )


def _refuse_without_tokenizer(found: FoundModel) -> None:
    """Transformers would make up an empty vocabulary, to which every text is the same."""
    folders = _folders(found)
    if not any(file for folder in folders for name in _VOCABULARIES for file in folder.glob(name)):
        raise ModelError(
            f"The model {found.name} comes without a tokenizer: save it into the same folder, or "
            "give (model, tokenizer)."
        )


def _explained(found: FoundModel, error: Exception) -> ModelError:
    """Return the one sentence that says what to do about a failed load."""
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "trust_remote_code" in str(error) or _brings_code(found.folder):
        return UnsafeModelError(
            f"The model {found.name} needs code that comes with it. Read that code, then allow it "
            "with trust_remote_code=True (--trust-remote-code)."
        )
    return ModelError(
        f"The model {found.name} could not be loaded; its folder may be damaged or incomplete: "
        f"{type(error).__name__}: {message}"
    )


def _brings_code(folder: Path) -> bool:
    """Return whether the folder names code of its own, in modules.json or config.json."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return any(not module["type"].startswith("sentence_transformers.") for module in modules)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _name_of(pipeline: SentenceTransformer) -> str:
    card = getattr(pipeline, "model_card_data", None)
    for name in (getattr(card, "model_id", None), getattr(card, "base_model", None)):
        if name:
            return str(name)
    config = getattr(pipeline.transformers_model, "config", None)
    return getattr(config, "name_or_path", "") or type(pipeline).__name__
