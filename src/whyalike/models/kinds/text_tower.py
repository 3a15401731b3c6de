"""The text side of models of several modalities (as CLIP): a text's vector is its own output."""

from collections.abc import Mapping
from typing import Any, cast

from sentence_transformers import SentenceTransformer
from transformers import PreTrainedModel

from whyalike.models.capture import find_sites
from whyalike.models.encoder import Encoder, OwnModel
from whyalike.models.installed import ways_of
from whyalike.models.loading import LoadedModel, fast_tokenizer, folder_here, open_pipeline
from whyalike.models.opening import Opening, register_kind
from whyalike.models.pipeline import PipelineEncoder
from whyalike.models.refusals import MULTI_MODAL, Sign, module_paths, read_json, refusal
from whyalike.models.replica import Replica, own_tokenizer

METHOD = "get_text_features"
TOWER = "text_model"


class TextTower(Encoder):
    """An encoder whose texts go through one part of a model, and whose vector that part's head is.

    What is said of an Encoder's transformer is said of that part: its layers, its embeddings.
    """

    @property
    def signed_layer(self) -> int:
        """A middle layer's output: the last layer sees its input through a norm."""
        return self.middle_layer

    def _replicate(self) -> OwnModel:
        pipeline, own = self.pipeline, own_tokenizer(self.tokenizer)
        replica = Replica(cast("Any", pipeline), tokenizer=self.tokenizer, own=own.tokenizer)
        module = cast("SentenceTransformer", replica.module)
        body = getattr(cast("Any", module.transformers_model), TOWER)
        return OwnModel(replica, find_sites(body), PipelineEncoder(module, own), own)


def _has_tower(settings: object) -> bool:
    """Return whether texts go through an output of their own, by what a module says of them."""
    text = settings.get("text") if isinstance(settings, Mapping) else None
    return isinstance(text, Mapping) and text.get("method") == METHOD


def _takes(source: object) -> bool:
    if isinstance(source, SentenceTransformer):
        first = next(iter(source.children()), None)
        return _has_tower(ways_of(first))
    folder = folder_here(source)
    if folder is None or not (paths := module_paths(folder)):
        return False
    kind, place = paths[0]
    if kind.rpartition(".")[2] == "CLIPModel":
        return True
    settings = read_json(folder / place / "sentence_bert_config.json")
    return isinstance(settings, dict) and _has_tower(settings.get("modality_config"))


@register_kind("text tower", takes=_takes)
def open_text_tower(source: object, opening: Opening) -> TextTower:
    """Return a TextTower of a SentenceTransformer, an object or a folder or name of one.

    Raises
    ------
    ModelError
        Its texts go through no part that can be looked into.
    """
    pipeline, name = open_pipeline(source, SentenceTransformer, opening)
    tower = getattr(pipeline.transformers_model, TOWER, None)
    if not isinstance(tower, PreTrainedModel):
        given = isinstance(source, SentenceTransformer)
        shown_by = type(pipeline.transformers_model).__name__
        raise refusal(Sign(MULTI_MODAL, shown_by), name, model="model" if given else None)
    tokenizer = pipeline.tokenizer
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    loaded = LoadedModel(name, tower, fast_tokenizer(tokenizer, name), pipeline)
    return TextTower(loaded, pooling="model")
