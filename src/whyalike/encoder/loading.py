"""Turn what a user gives as a model into the parts that an encoder needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

from whyalike.encoder.folder_checks import (
    explain_failure,
    refuse_made_up_weights,
    refuse_pickles,
    refuse_without_tokenizer,
)
from whyalike.encoder.locating import FoundModel, find_model
from whyalike.errors import ModelError, OptionError

ModelSource = str | Path | SentenceTransformer | tuple[PreTrainedModel, PreTrainedTokenizerBase]


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
        ModelNotFoundError, UnsafeModelError, ModelError: it can't be had or used.
        OptionError: this machine has no such device.
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
    _check_device(device)
    found = find_model(str(source), allow_pickle=allow_pickle)
    if not allow_pickle:
        refuse_pickles(found)
    refuse_without_tokenizer(found)
    try:
        loaded = _from_folder(found, device, trust_remote_code, allow_pickle)
        refuse_made_up_weights(found, loaded.transformer)
    except ModelError:
        raise
    except Exception as error:
        raise explain_failure(found, error, trusted=trust_remote_code) from error
    return loaded


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
    # T5 and its kin are saved with or without their decoder, which is not needed.
    config = AutoConfig.from_pretrained(found.folder, trust_remote_code=trust_remote_code)
    encoder_only = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    model = (AutoModelForTextEncoding if encoder_only else AutoModel).from_pretrained(
        found.folder, trust_remote_code=trust_remote_code, local_files_only=True, **weights
    )
    return _from_parts(model.to(device or _best_device()), tokenizer, name=found.name)


def _from_pipeline(pipeline: SentenceTransformer, name: str) -> LoadedModel:
    if isinstance(pipeline[0], Router):
        raise ModelError(
            f"{name} routes queries and documents to different encoders (Router), which can't be "
            "explained as one model: give one of its routes."
        )
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


def _check_device(device: str | None) -> None:
    """Raise OptionError for a device that this machine has not."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise OptionError(
            f"device is {device!r}, which can't be used here ({str(error).splitlines()[0]}): "
            "choose 'cpu', or leave it out."
        ) from error


def _best_device() -> str:
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
