"""A small random model of each kind of scorer, saved as users have it: a folder."""

import pytest
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder
from transformers import BertForMaskedLM

from tiny_models import tiny, tiny_reranker
from whyalike.models.installed import (
    LATE_INTERACTION,
    Dense,
    MultiVectorEncoder,
    Normalize,
    StaticEmbedding,
    Transformer,
)

KINDS = ("cross-encoder", "sparse", *["multi-vector"] * LATE_INTERACTION, "static")
DEFAULTS = {
    "cross-encoder": "whyalike",
    "sparse": "exact",
    "multi-vector": "exact",
    "static": "exact",
}


def save_cross_encoder(place):
    model, tokenizer = tiny_reranker("bert").parts
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)


def save_sparse(place):
    bare = place.with_name(f"{place.name}-bare")
    model = BertForMaskedLM(tiny("bert").model.config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.15)
    # A bias below zero makes it sparse.
    model.cls.predictions.decoder.bias.data.fill_(-1.0)
    model.save_pretrained(bare)
    tiny("bert").tokenizer.save_pretrained(bare)
    SparseEncoder(str(bare), device="cpu").save_pretrained(str(place))


def save_multi_vector(place):
    own = pytest.importorskip(
        "sentence_transformers.multi_vector_encoder.modules",
        reason="late interaction needs sentence-transformers 6",
    )
    bare = place.with_name(f"{place.name}-bare")
    model, tokenizer = tiny("bert").parts
    model.save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    dense = Dense(
        32,
        8,
        bias=False,
        activation_function=torch.nn.Identity(),
        module_input_name="token_embeddings",
    )
    modules = [
        Transformer(str(bare)),
        dense,
        own.MultiVectorMask(skiplist_words=[]),
        Normalize(module_input_name="token_embeddings"),
    ]
    MultiVectorEncoder(modules=modules, device="cpu").save_pretrained(str(place))


def save_static(place):
    own = tiny("bert").tokenizer.backend_tokenizer
    static = StaticEmbedding(type(own).from_str(own.to_str()), embedding_dim=12)
    SentenceTransformer(modules=[static], device="cpu").save(str(place))


SAVE = {
    "cross-encoder": save_cross_encoder,
    "sparse": save_sparse,
    "multi-vector": save_multi_vector,
    "static": save_static,
}


def save_kinds(folder, kinds=KINDS):
    """Save models of these kinds below a folder; return their places by kind."""
    places = {}
    for kind in kinds:
        places[kind] = folder / kind
        with torch.random.fork_rng():
            torch.manual_seed(3)
            SAVE[kind](places[kind])
    return places
