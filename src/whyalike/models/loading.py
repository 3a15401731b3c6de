"""Turn what a user gives as a model into the parts that an encoder needs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

from whyalike.errors import ModelError, ModelNotFoundError, OptionError
from whyalike.models.installed import (
    BaseModel,
    Module,
    Transformer,
    takes_instead_of_text,
    transformer_in,
)
from whyalike.models.labels import label_names
from whyalike.models.locating import (
    FoundModel,
    explain_failure,
    find_model,
    find_offline,
    looks_like_path,
    refuse_without_tokenizer,
)
from whyalike.models.opening import Opening
from whyalike.models.refusals import (
    CROSS_ENCODER,
    GENERATIVE,
    MULTI_MODAL,
    STATIC,
    Kind,
    Sign,
    architectures_of,
    kinds_of_modules,
    other_function,
    refusal,
    sign_in_classes,
    sign_in_folder,
    sign_in_object,
    stated_family,
)
from whyalike.models.weights import (
    loaded_with_report,
    missing_in_encoder,
    missing_in_pipeline,
    refuse_missing,
    refuse_pickles,
)

ModelSource = str | Path | BaseModel | tuple[PreTrainedModel, PreTrainedTokenizerBase]
"""A name, a folder, a model of sentence-transformers, or a transformer with its tokenizer."""


Family = TypeVar("Family", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model taken apart. ``pipeline`` is None for a bare Hugging Face encoder.

    unpooled: why a pooling must be chosen for it; nothing where one goes without saying.
    """

    name: str
    transformer: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pipeline: SentenceTransformer | None
    unpooled: str = ""


@dataclass(frozen=True, eq=False)
class LoadedCrossEncoder:
    """A cross-encoder taken apart. ``pipeline`` is None for a bare classifier.

    labels: the names of what its head gives, one where it gives a score.
    """

    name: str
    transformer: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pipeline: CrossEncoder | None
    labels: tuple[str, ...] = ("score",)


def load(
    source: ModelSource,
    *,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> LoadedModel:
    """Load or take apart a model.

    Parameters
    ----------
    source : ModelSource
        A hub name, a local path, a SentenceTransformer, or (model, tokenizer).
    device : str, optional
        Where to put a model that is loaded here; a given object stays where it is.
    trust_remote_code : bool, default=False
        Allow code that comes with the model to run.
    allow_pickle : bool, default=False
        Allow weights that are not safetensors.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        It can't be found or used.
    OptionError
        This machine has no such device.
    """
    # Before sentence-transformers 5.4 a SparseEncoder is one.
    if isinstance(source, SentenceTransformer) and not isinstance(source, SparseEncoder):
        return _from_pipeline(source, _name_of(source))
    if isinstance(source, tuple) and len(source) == 2:
        return _from_parts(*source)
    if not isinstance(source, str | Path):
        raise _no_model(source)
    _check_device(device)
    found = find_model(str(source), allow_pickle=allow_pickle)
    if sign := sign_in_folder(found.folder):
        raise refusal(sign, found.name)
    if not allow_pickle:
        refuse_pickles(found)
    refuse_without_tokenizer(found)
    try:
        return _from_folder(found, device, trust_remote_code, allow_pickle)
    except ModelError:
        raise
    except Exception as error:
        raise explain_failure(found, error, trusted=trust_remote_code) from error


def folder_here(source: object) -> Path | None:
    """Return the folder of a model that came by path or name, without loading or fetching it."""
    if not isinstance(source, str | Path):
        return None
    name = str(source)
    try:
        if looks_like_path(name):
            return Path(name).expanduser()
        found = find_offline(name)
    except ModelNotFoundError:
        return None  # Whoever opens it says so.
    return None if found is None else found.folder


def is_of_kind(
    source: object, family: type[BaseModel], kind: Kind, *, saved_as: Collection[str] = ()
) -> bool:
    """Return whether a model is one of a family of sentence-transformers, and of that kind alone.

    One that has modules of another kind too, such as a Router, is not. A folder is told by what it
    says that it was saved by, and by its modules; nothing is loaded. ``saved_as`` are classes of
    other packages whose folders the family opens too.
    """
    if isinstance(source, family):
        return {sign.kind for sign in _signs_in_modules(source)} <= {kind}
    folder = folder_here(source)
    if folder is None or stated_family(folder) not in (family.__name__, *saved_as):
        return False
    return kinds_of_modules(folder) <= {kind}


def open_pipeline(
    source: object,
    family: type[Family],
    opening: Opening,
    *,
    name: str | None = None,
    vocabulary: bool = True,
) -> tuple[Family, str]:
    """Return a model of sentence-transformers, given or loaded, and what it is called.

    ``vocabulary``: a folder has the files of a tokenizer as others have them.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        It can't be found or used.
    OptionError
        This machine has no such device, or a pooling is asked for.
    """
    check_opening(opening, name=name or family.__name__)
    if isinstance(source, family):
        return source, _name_of(source)
    found = find_model(str(source), allow_pickle=opening.allow_pickle)
    if not opening.allow_pickle:
        refuse_pickles(found)
    if vocabulary:
        refuse_without_tokenizer(found)
    try:
        pipeline = _pipeline_from(
            found, family, opening.device, opening.trust_remote_code, opening.allow_pickle
        )
        refuse_missing(found, missing_in_pipeline(pipeline, found.folder))
    except ModelError:
        raise
    except Exception as error:
        raise explain_failure(found, error, trusted=opening.trust_remote_code) from error
    return pipeline, found.name


def check_opening(opening: Opening, *, name: str) -> None:
    """Raise OptionError where a pooling is asked for, or a device that this machine has not."""
    if opening.pooling not in ("auto", "model"):
        raise OptionError(
            f"pooling is {opening.pooling!r}, and a {name} has a score of its own alone: leave "
            "pooling out."
        )
    _check_device(opening.device)


def _pipeline_from(
    found: FoundModel,
    family: type[Family],
    device: str | None,
    trust_remote_code: bool,
    allow_pickle: bool,
) -> Family:
    return family(
        str(found.folder),
        device=device,
        trust_remote_code=trust_remote_code,
        model_kwargs={} if allow_pickle else {"use_safetensors": True},
        local_files_only=True,
    )


def _from_folder(
    found: FoundModel, device: str | None, trust_remote_code: bool, allow_pickle: bool
) -> LoadedModel:
    weights: dict[str, Any] = {} if allow_pickle else {"use_safetensors": True}
    if (found.folder / "modules.json").is_file():
        pipeline = _pipeline_from(
            found, SentenceTransformer, device, trust_remote_code, allow_pickle
        )
        loaded = _from_pipeline(pipeline, found.name)
        refuse_missing(found, missing_in_pipeline(pipeline, found.folder))
        return loaded
    tokenizer = AutoTokenizer.from_pretrained(
        found.folder, trust_remote_code=trust_remote_code, local_files_only=True
    )
    # T5 and its kin are saved with or without their decoder, which is not needed.
    config = AutoConfig.from_pretrained(found.folder, trust_remote_code=trust_remote_code)
    encoder_only = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    model, reported = loaded_with_report(
        (AutoModelForTextEncoding if encoder_only else AutoModel).from_pretrained(
            found.folder,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
            **weights,
        )
    )
    loaded = _from_parts(
        model.to(device or _best_device()),
        tokenizer,
        name=found.name,
        architectures=architectures_of(config.to_dict()),
    )
    refuse_missing(found, missing_in_encoder(model, reported, loaded.transformer))
    return loaded


def _from_pipeline(pipeline: SentenceTransformer, name: str) -> LoadedModel:
    if sign := _sign_in_modules(pipeline):
        raise refusal(sign, name, model="model")
    transformer = pipeline.transformers_model
    if transformer is None:
        shown_by = f"its first module, {type(pipeline[0]).__name__}"
        raise refusal(Sign(STATIC, shown_by), name, model="model")
    return LoadedModel(name, transformer, fast_tokenizer(pipeline.tokenizer, name), pipeline)


def _sign_in_modules(pipeline: BaseModel) -> Sign | None:
    """Return what shows that a pipeline is no encoder of texts, at whatever depth it stands."""
    return next(_signs_in_modules(pipeline), None)


def _signs_in_modules(pipeline: BaseModel) -> Iterator[Sign]:
    modules = [*pipeline.children(), *(m for m in pipeline.modules() if isinstance(m, Module))]
    own = (sign_in_classes([type(module).__name__]) for module in modules)
    yield from (sign for sign in own if sign)
    for module in modules:
        if not isinstance(module, Transformer):
            continue
        if sign := sign_in_classes(_classes(transformer_in(module))):
            yield sign
        if taken := takes_instead_of_text(module):
            yield Sign(MULTI_MODAL, f"what it takes: {', '.join(taken)}")


def _from_parts(
    model: object,
    tokenizer: object,
    *,
    name: str | None = None,
    architectures: Sequence[str] = (),
) -> LoadedModel:
    """Return the parts; ``architectures`` are the classes of a folder's weights, head included."""
    if sign := sign_in_object(model):
        raise refusal(sign, name or "The model", model="model")
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"The first of the two is of type {type(model).__name__}, not a PreTrainedModel. "
            "Give (model, tokenizer)."
        )
    name = name or getattr(model.config, "name_or_path", "") or type(model).__name__
    sign = sign_in_classes([*architectures, *_classes(model)], [GENERATIVE])
    encoder = model
    if model.config.is_encoder_decoder and hasattr(model, "get_encoder"):
        encoder = cast("PreTrainedModel", model.get_encoder())
    unpooled = str(refusal(sign, name)) if sign else ""
    return LoadedModel(name, encoder, fast_tokenizer(tokenizer, name), None, unpooled)


def _no_model(source: object) -> ModelError:
    """Return the error that says what an object is, and how it can be explained, if at all."""
    if sign := sign_in_object(source):
        return refusal(sign, "The model", model="model")
    kind = type(source).__name__
    if function := other_function(source):
        return ModelError(
            f"The model is of type {kind}, which gives vectors of texts by itself. Explain it as a "
            f"function: Explainer(embed=model.{function})."
        )
    if callable(source) and not isinstance(source, nn.Module | PreTrainedTokenizerBase | type):
        return ModelError(
            f"The model is a function ({kind}). If it gives vectors of a list of texts, explain it "
            "so: Explainer(embed=function); if it scores a list of pairs of texts, so: "
            "Explainer(score=function)."
        )
    return ModelError(
        f"The model is of type {kind}. Give a name, a path, a SentenceTransformer, or a tuple of a "
        "PreTrainedModel and its tokenizer."
    )


def _classes(model: object) -> list[str]:
    return [each.__name__ for each in type(model).__mro__]


def fast_tokenizer(tokenizer: object, name: str) -> PreTrainedTokenizerBase:
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


def _name_of(pipeline: BaseModel) -> str:
    card = getattr(pipeline, "model_card_data", None)
    for name in (getattr(card, "model_id", None), getattr(card, "base_model", None)):
        if name:
            return str(name)
    config = getattr(getattr(pipeline, "transformers_model", None), "config", None)
    return getattr(config, "name_or_path", "") or type(pipeline).__name__


def load_cross_encoder(
    source: ModelSource,
    *,
    device: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> LoadedCrossEncoder:
    """Load or take apart a cross-encoder, or a classifier of pairs.

    The arguments are those of ``load``.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        It can't be found or used, or its head is none of an encoder.
    OptionError
        This machine has no such device.
    """
    if isinstance(source, CrossEncoder):
        return _from_cross_encoder(source, _name_of(source), given=True)
    if isinstance(source, tuple) and len(source) == 2:
        return _from_classifier(*source)
    if not isinstance(source, str | Path):
        return _from_classifier(source, None)
    _check_device(device)
    found = find_model(str(source), allow_pickle=allow_pickle)
    if not allow_pickle:
        refuse_pickles(found)
    refuse_without_tokenizer(found)
    try:
        pipeline = _pipeline_from(found, CrossEncoder, device, trust_remote_code, allow_pickle)
        loaded = _from_cross_encoder(pipeline, found.name, given=False)
        missing = missing_in_pipeline(pipeline, found.folder, with_pooler=True)
    except ModelError:
        raise
    except Exception as error:
        raise explain_failure(found, error, trusted=trust_remote_code) from error
    refuse_missing(found, missing)
    return loaded


def _from_cross_encoder(model: CrossEncoder, name: str, *, given: bool) -> LoadedCrossEncoder:
    expression = "model" if given else None
    transformer = model.transformers_model
    if transformer is None:
        raise refusal(Sign(CROSS_ENCODER, type(model).__name__), name, model=expression)
    shown_by = f"{type(model).__name__} of a {type(transformer).__name__}"
    labels = _labels(model.num_labels, transformer, name, shown_by=shown_by, expression=expression)
    return LoadedCrossEncoder(
        name, transformer, fast_tokenizer(model.tokenizer, name), model, labels
    )


def _from_classifier(model: object, tokenizer: object) -> LoadedCrossEncoder:
    if not isinstance(model, PreTrainedModel):
        raise _no_model(model)
    name = getattr(model.config, "name_or_path", "") or type(model).__name__
    labels = _labels(
        model.config.num_labels or 0,
        model,
        name,
        shown_by=type(model).__name__,
        expression="CrossEncoder(...)",
    )
    return LoadedCrossEncoder(name, model, fast_tokenizer(tokenizer, name), None, labels)


def _labels(
    count: int, model: PreTrainedModel, name: str, *, shown_by: str, expression: str | None
) -> tuple[str, ...]:
    """Return the names of the labels. Raises ModelError for a head that is none of an encoder."""
    if count and not model.config.is_encoder_decoder:
        return ("score",) if count == 1 else label_names(count, model.config)
    raise refusal(Sign(CROSS_ENCODER, shown_by), name, model=expression)
