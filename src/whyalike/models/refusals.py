"""Kinds of models, known by their configuration, and what to do with those not explained.

Every way of recognising one is in ``KINDS``. A kind that becomes explainable leaves the refusals
by leaving that table, or by being asked for before ``refuse`` is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from whyalike.errors import ModelError
from whyalike.models.installed import LATE_INTERACTION, MOVED, Transformer, needs, uses_task

_OF_A_TASK = ("query_length", "document_length", "query_expansion")


def differs_by_task(pipeline: SentenceTransformer | None) -> bool:
    """Return whether the task that ``encode_query`` and ``encode_document`` name has any effect.

    A transformer may have another limit for queries, or add tokens to them; modules of a model's
    own code may take the task itself.
    """
    if pipeline is None:
        return False
    transformers = (module for module in pipeline.modules() if isinstance(module, Transformer))
    return uses_task(pipeline) or any(
        getattr(module, name, None) is not None for module in transformers for name in _OF_A_TASK
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model, how it is recognised, and what a user can do with one.

    name: with its article. scores: how it comes to the similarity of two texts. advice: what can be
    done today, in which ``{model}`` stands for an expression that gives the model. opened_by: that
    expression where the model came by name, which ``{name}`` stands for.
    classes: a pattern that the names of its classes match in full: of the object, of the modules of
    a pipeline, and of what ``config.json`` calls ``architectures``. packages: those that its
    modules come from. model_types: a pattern of ``model_type`` in ``config.json``. settings: keys
    of ``config.json`` that only this kind has.
    """

    name: str
    scores: str
    advice: str
    classes: str
    opened_by: str = "SentenceTransformer({name})"
    packages: frozenset[str] = frozenset()
    model_types: str = ""
    settings: frozenset[str] = frozenset()

    def of_class(self, name: str) -> bool:
        """Whether a class of that name, with its modules or without, is of this kind."""
        package, _, last = name.rpartition(".")
        return bool(re.fullmatch(self.classes, last)) or package.split(".")[0] in self.packages

    def of_config(self, config: Mapping[str, Any]) -> str:
        """Return what in a configuration shows this kind, or nothing."""
        model_type = str(config.get("model_type", ""))
        if self.model_types and re.fullmatch(self.model_types, model_type):
            return f"model_type {model_type!r}"
        # transformers writes keys that a model does not use as null.
        return next((key for key in sorted(self.settings) if config.get(key) is not None), "")


_VECTORS = "Explained are models that give each text one vector of its own."


# Those that read pairs in one sequence are asked for before: models/kinds/cross_encoder.py.
CROSS_ENCODER = Kind(
    name="a cross-encoder or a classifier",
    scores="it reads both texts together, or gives labels, and no text a vector of its own",
    advice="Explain its scores as a function of pairs of texts: Explainer(score={model}.predict) "
    "of a CrossEncoder with one label. To explain the encoder below the head, which was not "
    "trained to give vectors, give (model.base_model, tokenizer)",
    opened_by="CrossEncoder({name})",
    classes=r"CrossEncoder|LogitScore|\w*For(Sequence|Token)Classification|\w*For(Question"
    r"Answering\w*|MultipleChoice|NextSentencePrediction)",
)

MULTI_VECTOR = Kind(
    name="a multi-vector model (late interaction, as ColBERT)",
    scores="it gives a text a vector for each token, and compares all of them by MaxSim",
    advice=("" if LATE_INTERACTION else f"Explaining one {needs('6.0')}. ")
    + "Give a whole MultiVectorEncoder of sentence-transformers, which opens models of PyLate "
    "and of Stanford's ColBERT too: Explainer(MultiVectorEncoder(...))",
    classes=r"MultiVectorEncoder|MultiVectorMask|\w*TokenPooling|(HF_)?ColBERT\w*|\w*ForRetrieval",
    packages=frozenset({"pylate"}),
    model_types=r"col\w+",
)

SPARSE = Kind(
    name="a sparse encoder (as SPLADE)",
    scores="it gives a text a weight for each entry of the vocabulary, by its masked-word head",
    advice="Give a whole SparseEncoder: Explainer(SparseEncoder(...)). Explain any "
    "other as a function: Explainer(embed=lambda texts: {model}.encode(texts, "
    "convert_to_sparse_tensor=False), similarity_function='dot')",
    opened_by="SparseEncoder({name})",
    classes=r"SparseEncoder|SpladePooling|MLMTransformer|SparseAutoEncoder|SparseStaticEmbedding",
)

ROUTER = Kind(
    name="a model with a Router",
    scores="it routes queries and documents through different modules",
    advice="Give a whole SentenceTransformer or SparseEncoder with routes for queries and "
    "documents, of kinds that are explained. Or give one of its routes: "
    "SentenceTransformer(modules=[...]) of the modules that model[i].sub_modules['query'] has, and "
    "of those beside it",
    classes=r"Router|Asym",
)

STATIC = Kind(
    name="a model of word vectors",
    scores="it has no transformer inside, and steps after its word vectors that mix words",
    advice="Explain it as a function: Explainer(embed={model}.encode), with similarity_function= "
    "where it compares otherwise than by the cosine",
    classes=r"StaticEmbedding|WordEmbeddings|BoW",
)

MODEL2VEC = replace(
    STATIC,
    opened_by="StaticModel.from_pretrained({name})",
    classes=r"StaticModel\w*",
    model_types=r"model2vec",
)

MULTI_MODAL = Kind(
    name="a multi-modal model, or the text side of one (as CLIP)",
    scores="its vectors of texts come from an output of its own, and not from pooled tokens",
    advice=("" if MOVED else f"Explaining its text side {needs('5.4')}. ")
    + "Give a SentenceTransformer of it, whose text side is mostly explained. Where it can't "
    "be looked into, explain it as a function from a list of texts to their vectors: "
    "Explainer(embed={model}.encode) of a SentenceTransformer",
    classes=r"\w*CLIP\w*|Siglip\w*|Clap\w*|VisionTextDualEncoder\w*",
    model_types=r"\w+_text_model",
    settings=frozenset({"vision_config", "audio_config", "image_config", "speech_config"}),
)

TWO_TOWERS = Kind(
    name="one of two encoders for questions and passages (DPR)",
    scores="each side has weights of its own, and its vector is an output of its own",
    advice=f"{_VECTORS} To explain one of the two for both texts, give (model.base_model, "
    "tokenizer) and pooling='cls'",
    classes=r"DPR\w+",
    model_types=r"dpr",
)

ADAPTER = Kind(
    name="an adapter (PEFT), which needs the model below it",
    scores="it is changes to the weights of another model",
    advice="Merge the two and give ({model}.merge_and_unload(), tokenizer). Or explain any "
    "function from a list of texts to their vectors: Explainer(embed=...), such as "
    "SentenceTransformer(...).encode of a model with the adapter",
    classes=r"Peft\w*Model\w*",
    opened_by="AutoPeftModelForFeatureExtraction.from_pretrained({name})",
)

GENERATIVE = Kind(
    name="a generative language model",
    scores="it continues a text, and says of none which vector is its own",
    advice="Say what to take of its hidden states: pooling='last' (--pooling last) is the last "
    "token, by which decoders are mostly trained to embed, and pooling='paper' the mean. A "
    "reranker that answers with yes or no is explained as a CrossEncoder",
    classes=r"\w+ForCausalLM|(?!\w*With)\w+LMHeadModel|\w+DoubleHeadsModel",
)

KINDS = (
    CROSS_ENCODER,
    MULTI_VECTOR,
    SPARSE,
    ROUTER,
    STATIC,
    MODEL2VEC,
    MULTI_MODAL,
    TWO_TOWERS,
    ADAPTER,
)
"""Those that are refused whatever else is asked; GENERATIVE is one only where no pooling is."""

ADAPTER_FILE = "adapter_config.json"

OURS = "SentenceTransformer"
"""What a pipeline of sentence-transformers is that gives each text one vector, or does not say."""

OTHER_FUNCTIONS = ("embed_documents", "get_text_embedding_batch", "encode")
"""What a function from a list of texts to their vectors is called elsewhere: LangChain, LlamaIndex,
sentence-transformers and its like."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A kind, and what showed it."""

    kind: Kind
    shown_by: str


def sign_in_classes(names: Iterable[str], kinds: Iterable[Kind] = KINDS) -> Sign | None:
    """Return the first kind that one of these classes is of, with its name."""
    known = tuple(kinds)
    found = (Sign(kind, name) for name in names for kind in known if kind.of_class(name))
    return next(found, None)


def sign_in_object(model: object, kinds: Iterable[Kind] = KINDS) -> Sign | None:
    """Return the kind of an object by its classes and, of a transformer, its configuration."""
    classes = [each.__name__ for each in type(model).__mro__]
    if sign := sign_in_classes(classes, kinds):
        return sign
    config = getattr(model, "config", None)
    to_dict = getattr(config, "to_dict", None)
    return _sign_in_config(to_dict(), kinds) if callable(to_dict) else None


def sign_in_folder(folder: Path) -> Sign | None:
    """Return the kind of a saved model, by what its folder says of itself.

    A pipeline of sentence-transformers is known by its own kind and its modules: what its
    transformer was before is of no account. Everything else is known by ``config.json``. A model
    for masked words (``BertForMaskedLM``) is an encoder as it stands: only the modules that make
    SPLADE of it show that it is one.
    """
    modules = read_json(folder / "modules.json")
    if isinstance(modules, list):
        return _sign_in_pipeline(folder, [one for one in modules if isinstance(one, dict)])
    config = read_json(folder / "config.json")
    if isinstance(config, dict) and (
        sign := sign_in_classes(architectures_of(config)) or _sign_in_config(config, KINDS)
    ):
        return sign
    return Sign(ADAPTER, ADAPTER_FILE) if (folder / ADAPTER_FILE).is_file() else None


def module_types(folder: Path) -> list[str]:
    """Return the classes of a pipeline's modules with their packages, in order, by its folder.

    There are none of anything else.
    """
    return [kind for kind, _ in module_paths(folder)]


def module_paths(folder: Path) -> list[tuple[str, str]]:
    """Return the same, each with where in the folder the module lies."""
    modules = read_json(folder / "modules.json")
    known = modules if isinstance(modules, list) else []
    named = (one for one in known if isinstance(one, dict))
    return [(str(one.get("type", "")), str(one.get("path", ""))) for one in named]


def stated_family(folder: Path) -> str:
    """Return which class of sentence-transformers a folder says that it was saved by, or nothing.

    A folder that does not say it would be converted, perhaps with new weights beside its own.
    """
    settings = read_json(folder / "config_sentence_transformers.json")
    return str(settings.get("model_type") or "") if isinstance(settings, dict) else ""


def kinds_of_modules(folder: Path) -> set[Kind]:
    """Return the kinds that the modules of a pipeline's folder are of."""
    return {sign.kind for name in module_types(folder) if (sign := sign_in_classes([name]))}


def _sign_in_pipeline(folder: Path, modules: Iterable[Mapping[str, Any]]) -> Sign | None:
    said = stated_family(folder) or OURS
    sign = sign_in_classes([said, *(str(one.get("type", "")) for one in modules)])
    return sign or (None if said == OURS else Sign(_unknown(said), f"model_type {said!r}"))


def architectures_of(config: Mapping[str, Any]) -> list[str]:
    """Return the classes that a configuration says the weights are of."""
    names = config.get("architectures")
    return [str(name) for name in names] if isinstance(names, list) else []


def refusal(sign: Sign, name: str, *, model: str | None = None) -> ModelError:
    """Return the error that says what came, how it scores, and what can be done.

    Parameters
    ----------
    sign : Sign
        The kind, and what showed it.
    name : str
        Of the model.
    model : str, optional
        An expression that gives the model in Python, where it did not come by name.
    """
    kind = sign.kind
    opened = kind.opened_by.replace("{name}", repr(name)) if model is None else model
    advice = kind.advice.replace("{model}", opened)
    return ModelError(
        f"{name} is {kind.name}, recognised by {sign.shown_by}: {kind.scores}. {advice}."
    )


def other_function(model: object) -> str:
    """Return the name of the method that gives vectors of texts, or nothing."""
    if callable(getattr(model, "decode", None)):
        return ""  # A tokenizer: what it encodes texts to are no vectors.
    return next((name for name in OTHER_FUNCTIONS if callable(getattr(model, name, None))), "")


def _unknown(said: str) -> Kind:
    return Kind(
        name=f"a {said}",
        scores="that is another kind of model than a SentenceTransformer",
        advice=f"{_VECTORS} Any function from a list of texts to their vectors can be explained: "
        "Explainer(embed=...)",
        classes="",
    )


def _sign_in_config(config: Mapping[str, Any], kinds: Iterable[Kind]) -> Sign | None:
    signs = ((kind, kind.of_config(config)) for kind in kinds)
    return next((Sign(kind, shown) for kind, shown in signs if shown), None)


def read_json(path: Path) -> Any:
    """Return what a file says, or None: whoever loads the model says what is wrong with it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
