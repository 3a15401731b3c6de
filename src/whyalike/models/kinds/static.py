"""Static embeddings (StaticEmbedding): a vector for each token, and the mean of them for a text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import nn

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.models.bag import BEHIND, BagScorer
from whyalike.models.installed import READS_WHOLE, Normalize, StaticEmbedding, needs
from whyalike.models.loading import check_opening, folder_here, open_pipeline
from whyalike.models.locating import explain_failure, find_model, refuse_without_tokenizer
from whyalike.models.opening import Opening, register_kind
from whyalike.models.refusals import architectures_of, module_paths, module_types, read_json
from whyalike.models.tokens import TokenizedText, from_encodings
from whyalike.models.weights import stored_names
from whyalike.options import LongText


@dataclass(frozen=True, slots=True)
class _Unknown:
    """The token of a tokenizer for what it has no token for, under transformers' names."""

    unk_token: str | None
    unk_token_id: int | None


class StaticScorer(BagScorer):
    """A SentenceTransformer of static embeddings: a text's vector is the mean of its tokens'.

    Behind it there may be Dense and Normalize; see ``BagScorer``.
    """

    def __init__(self, pipeline: SentenceTransformer, name: str) -> None:
        super().__init__(pipeline, name)
        self._unknown: tuple[Tokenizer, _Unknown] | None = None

    @property
    def limit(self) -> int | None:
        """How many tokens the tokenizer leaves of a text; None where it cuts nothing."""
        cut = self._static.tokenizer.truncation
        return None if cut is None else int(cut["max_length"])

    @property
    def _static(self) -> StaticEmbedding:
        return cast("StaticEmbedding", next(iter(self.pipeline.children())))

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens; there are no special ones.

        Raises
        ------
        OptionError
            Windows, where the tokenizer cuts texts.
        """
        limit = self.limit
        if long_text == "windows" and limit is not None:
            raise OptionError(
                f"long_text is 'windows', and the tokenizer of {self.name} cuts texts itself: "
                "choose 'truncate' or 'error'."
            )
        tokenizer = self._static.tokenizer
        encodings = tokenizer.encode_batch([prompt + t for t in texts], add_special_tokens=False)
        unknown = self._unknown_of(tokenizer)
        found = []
        for text, encoding in zip(texts, encodings, strict=True):
            tokens = from_encodings(text, prompt, [encoding], unknown=unknown)
            if tokens.truncated and long_text == "error":
                tokens = replace(
                    tokens,
                    refusal=f"A text has more than the {limit} tokens that the model reads. "
                    "Shorten it, or choose long_text='truncate'.",
                )
            found.append(tokens)
        return found

    def _unknown_of(self, tokenizer: Tokenizer) -> _Unknown:
        if self._unknown is None or self._unknown[0] is not tokenizer:
            model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
            token, number = model.get("unk_token"), model.get("unk_id")
            if token is not None:
                number = tokenizer.token_to_id(token)
            elif number is not None:
                token = tokenizer.id_to_token(number)
            self._unknown = (tokenizer, _Unknown(token, number))
        return self._unknown[1]

    @property
    def _width(self) -> int:
        return int(self._static.embedding.weight.shape[1])

    def _front(self, text: TokenizedText) -> Floats:
        ids = text.rows[0].input_ids
        weight = self._static.embedding.weight.detach()
        whole: Floats = weight[torch.tensor(ids, device=weight.device)].double().cpu().numpy()
        return whole / len(ids)


def module_names(source: object) -> list[str]:
    """Return the classes of a model's modules, in order, without loading it."""
    if isinstance(source, SentenceTransformer):
        return [type(module).__name__ for module in source.children()]
    folder = folder_here(source)
    return [] if folder is None else [n.rpartition(".")[2] for n in module_types(folder)]


def takes_static(source: object) -> bool:
    """Return whether a model is a StaticEmbedding and what may follow, or model2vec's folder."""
    names = module_names(source)
    if names:
        return names[0] == "StaticEmbedding" and set(names[1:]) <= BEHIND
    folder = folder_here(source)
    return folder is not None and _normalises(folder) is not None


def _normalises(folder: Path) -> bool | None:
    """Return whether a folder that model2vec wrote says to normalise; None of any other folder."""
    config = read_json(folder / "config.json")
    if (folder / "modules.json").is_file() or not isinstance(config, dict):
        return None
    named = config.get("model_type") == "model2vec" or "StaticModel" in architectures_of(config)
    # As versions from 0.9 on write it, which name nothing.
    by_keys = set(config) <= {"max_length", "normalize", "embedding_dtype"} and bool(config)
    return bool(config.get("normalize", False)) if named or by_keys else None


def _is_quantised(folder: Path) -> bool:
    """Return whether tokens share rows in a folder, or are weighted, as model2vec can write it."""
    paths = [path for _, path in module_paths(folder)]
    names = stored_names(folder / "".join(paths[:1]))
    return not {"mapping", "weights"}.isdisjoint(names)


def _open_model2vec(source: object, opening: Opening, *, normalised: bool) -> StaticScorer:
    """Return a scorer of a folder with model2vec's own files alone."""
    found = find_model(str(source), allow_pickle=opening.allow_pickle)
    refuse_without_tokenizer(found)
    try:
        static = StaticEmbedding.load(str(found.folder), local_files_only=True)
        modules: list[nn.Module] = [static, Normalize()] if normalised else [static]
        pipeline = SentenceTransformer(modules=modules, device=opening.device)
    except Exception as error:
        raise explain_failure(found, error, trusted=opening.trust_remote_code) from error
    return StaticScorer(pipeline, found.name)


@register_kind("static embeddings", takes=takes_static)
def open_static(source: object, opening: Opening) -> StaticScorer:
    """Return a scorer of static embeddings, an object or a folder or name of one.

    Raises
    ------
    ModelError
        The installed sentence-transformers leaves out some of what a folder has.
    """
    called = "model of static embeddings"
    place = folder_here(source)
    if not READS_WHOLE and place is not None and _is_quantised(place):
        raise ModelError(f"A quantised vocabulary of model2vec ({place}) {needs('6.2')}.")
    folder = None if module_names(source) else folder_here(source)
    normalised = None if folder is None else _normalises(folder)
    if normalised is not None:
        check_opening(opening, name=called)
        return _open_model2vec(source, opening, normalised=normalised)
    return StaticScorer(*open_pipeline(source, SentenceTransformer, opening, name=called))
