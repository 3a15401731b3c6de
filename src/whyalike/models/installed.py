"""sentence-transformers as it is installed: where its classes are, and how its models are asked.

Supported are the versions from 5.1 on. 5.4 moved all modules, and put ``preprocess`` in the place
of ``tokenize``; 6.0 brought late interaction. What differs between them is answered here, and no
other file imports from below ``sentence_transformers``.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import sentence_transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch import Tensor, nn

from whyalike.errors import ModelError

__all__ = [
    "LATE_INTERACTION",
    "MOVED",
    "READS_WHOLE",
    "VERSION",
    "BaseModel",
    "BaseTokenPooling",
    "Dense",
    "LayerNorm",
    "MaskedWordTransformer",
    "Module",
    "MultiVectorEncoder",
    "MultipleNegativesRankingLoss",
    "Normalize",
    "Pooling",
    "Router",
    "SparseStaticEmbedding",
    "SpladePooling",
    "StaticEmbedding",
    "Transformer",
    "WordWeights",
    "logits_of",
    "needs",
    "pooling_modes",
    "preprocess",
    "preprocess_pairs",
    "reads_plainly",
    "reads_pooler",
    "select_max_active_dims",
    "strips_texts",
    "takes_chats",
    "takes_instead_of_text",
    "text_limit",
    "transformer_in",
    "uses_task",
    "ways_of",
    "width_of",
    "word_limit",
]

VERSION: str = sentence_transformers.__version__

MOVED = find_spec("sentence_transformers.base") is not None
"""Whether it is 5.4 or later."""

LATE_INTERACTION = hasattr(sentence_transformers, "MultiVectorEncoder")
"""Whether it is 6.0 or later."""

READS_WHOLE = tuple(map(int, VERSION.split(".")[:2])) >= (6, 2)
"""Whether WordEmbeddings keep to their limit, and all that model2vec writes is read: 6.2."""

if TYPE_CHECKING or MOVED:
    from sentence_transformers.base.model import BaseModel
    from sentence_transformers.base.modules import Dense, Router, Transformer
    from sentence_transformers.base.modules.module import Module
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import (
        LayerNorm,
        Normalize,
        Pooling,
        StaticEmbedding,
        WordWeights,
    )
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
    from sentence_transformers.util import select_max_active_dims

    MaskedWordTransformer = Transformer
else:
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from sentence_transformers.models import (
        Dense,
        LayerNorm,
        Module,
        Normalize,
        Pooling,
        Router,
        StaticEmbedding,
        Transformer,
        WordWeights,
    )
    from sentence_transformers.sparse_encoder.models import MLMTransformer as MaskedWordTransformer
    from sentence_transformers.sparse_encoder.models import SparseStaticEmbedding, SpladePooling
    from sentence_transformers.util import select_max_active_dims
    from torch.nn import Module as BaseModel

if TYPE_CHECKING or LATE_INTERACTION:
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.multi_vector_encoder.modules import BaseTokenPooling
else:

    class MultiVectorEncoder(nn.Module):
        """Stands for a class of later versions: nothing is of it, and no folder is opened as it."""

        def __init__(self, *_: Any, **__: Any) -> None:
            raise ModelError(
                f"A multi-vector model (late interaction, as ColBERT) {needs('6.0')}, and explain "
                "it then."
            )

    class BaseTokenPooling(nn.Module):
        """Stands for a class of later versions."""


def needs(version: str) -> str:
    """Return what to say where something is in later versions only, to continue a sentence."""
    return (
        f"needs sentence-transformers {version.removesuffix('.0')} or later, and {VERSION} is "
        f"installed: upgrade it (pip install 'sentence-transformers>={version}')"
    )


def preprocess(
    pipeline: BaseModel, texts: Sequence[str], *, prompt: str = "", **named: Any
) -> dict[str, Any]:
    """Return what a pipeline reads of texts with a prompt before each, as its ``encode`` makes it.

    Parameters
    ----------
    pipeline : BaseModel
        A SentenceTransformer, or a model of that kind.
    texts : sequence of str
        Without the prompt.
    prompt : str, default=''
        Literal.
    **named
        What the first module takes besides, such as ``task``.
    """
    if MOVED:
        return pipeline.preprocess(texts, prompt=prompt or None, **named)
    older = cast("Any", pipeline)
    features: dict[str, Any] = older.tokenize([prompt + text for text in texts], **named)
    if prompt and (length := older._get_prompt_length(prompt, **named)) is not None:
        features["prompt_length"] = length
    return features


def preprocess_pairs(
    model: CrossEncoder, pairs: Sequence[tuple[str, str]], *, prompt: str = ""
) -> Mapping[str, Any]:
    """Return what a CrossEncoder reads of pairs of texts, as ``predict`` does.

    Raises
    ------
    ModelError
        A prompt, which pairs of versions before 5.4 have not.
    """
    if MOVED:
        return model.preprocess(list(pairs), prompt=prompt or None)
    if prompt:
        raise ModelError(f"A prompt for pairs of texts {needs('5.4')}.")
    read: Mapping[str, Any] = model.tokenizer(
        list(pairs), padding=True, truncation=True, return_tensors="pt"
    )
    return read


def logits_of(model: CrossEncoder, features: dict[str, Any]) -> Tensor:
    """Return what a CrossEncoder makes of its inputs, before its activation."""
    if MOVED:
        return cast("Tensor", model(features)["scores"])
    return cast("Tensor", cast("Any", model).model(**features, return_dict=True).logits)


def text_limit(pipeline: BaseModel) -> int | None:
    """Return how many tokens a model of sentence-transformers says that it reads, if it says so."""
    if not MOVED and isinstance(pipeline, CrossEncoder):
        return cast("Any", pipeline).max_length  # type: ignore[no-any-return]
    return pipeline.max_seq_length


def word_limit(module: nn.Module) -> int | None:
    """Return how many words WordEmbeddings read of a text; None where they read all.

    Before 6.2 they had a limit and read on. BoW has none.
    """
    limit = getattr(module, "max_seq_length", None)
    return int(cast("int", limit)) if READS_WHOLE and limit is not None else None


def strips_texts(pipeline: BaseModel | None) -> bool:
    """Return whether a text is read without the white space around it, prompt included."""
    if MOVED or pipeline is None:
        return False
    return any(isinstance(each, Transformer | MaskedWordTransformer) for each in pipeline.modules())


def uses_task(pipeline: SentenceTransformer) -> bool:
    """Return whether any module takes the task that encode_query and encode_document name."""
    if hasattr(pipeline, "get_model_kwargs"):
        return "task" in pipeline.get_model_kwargs()
    # Before 5.2 there was no such method.
    modules: list[tuple[str, nn.Module]] = list(pipeline.named_children())
    own: Mapping[str, Sequence[str]] = pipeline.module_kwargs or {}
    return any(
        "task" in own.get(name, ()) or "task" in getattr(module, "forward_kwargs", ())
        for name, module in modules
    )


def transformer_in(module: Transformer) -> nn.Module:
    """Return the model of transformers that a module runs."""
    return module.auto_model


def takes_instead_of_text(module: Transformer) -> tuple[str, ...]:
    """Return what a module takes besides texts where their vectors are outputs of its model.

    Versions before 5.4 take texts alone.
    """
    if not MOVED or module.module_output_name != "sentence_embedding":
        return ()
    others = [each for each in module.modalities if each not in ("text", "message")]
    return tuple(map(str, module.modalities)) if others else ()


def ways_of(module: object) -> Mapping[str, Mapping[str, Any]]:
    """Return how a module takes each modality; nothing of one that takes texts alone, as ever."""
    return getattr(module, "modality_config", None) or {}


def takes_chats(module: object) -> bool:
    """Return whether a first module makes a chat of the texts that it is given."""
    return "message" in ways_of(module)


def reads_plainly(pipeline: SentenceTransformer) -> bool:
    """Return whether a pipeline hands texts to its tokenizer as they are, cut at its limit alone.

    That is of classes which do so; what a text's tokens are then depends on nothing else.
    """
    first = next(iter(pipeline.children()), None)
    if type(pipeline) is not SentenceTransformer or type(first) is not Transformer:
        return False
    replaced = {"preprocess", "tokenize"} & (vars(pipeline).keys() | vars(first).keys())
    turned = getattr(first, "do_lower_case", False) or getattr(first, "processing_kwargs", None)
    return not replaced and not turned and not takes_chats(first)


def reads_pooler(module: nn.Module) -> bool:
    """Return whether a module's output is what a transformer's pooler makes of the first token."""
    if not MOVED or not isinstance(module, Transformer):
        return False
    return any("pooler" in str(way["method_output_name"]) for way in ways_of(module).values())


def pooling_modes(pooling: Pooling) -> tuple[str, ...]:
    """Return how a module pools, in the order in which its vectors are joined."""
    if MOVED:
        mode = pooling.pooling_mode
        return (mode,) if isinstance(mode, str) else tuple(mode)
    flags = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens"}
    flags |= {"mean_sqrt_len_tokens": "mean_sqrt_len_tokens"}
    flags |= {"weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
    return tuple(
        mode for mode, flag in flags.items() if getattr(pooling, f"pooling_mode_{flag}", False)
    )


def width_of(module: Module) -> int:
    """Return how many features the vector has that a module makes of a text."""
    named = "get_embedding_dimension" if MOVED else "get_sentence_embedding_dimension"
    return int(getattr(module, named)())
