"""Modules of sentence-transformers that tests alone use, from where the installed version has them."""

from importlib import import_module

from whyalike.models.installed import MOVED, MaskedWordTransformer, Pooling

_PLACE = f"sentence_transformers.{'sentence_transformer.modules' if MOVED else 'models'}"
_FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens"}

CNN, BoW, Dropout, WordEmbeddings = (
    getattr(import_module(_PLACE), name) for name in ("CNN", "BoW", "Dropout", "WordEmbeddings")
)
WhitespaceTokenizer = import_module(f"{_PLACE}.tokenizer").WhitespaceTokenizer


def masked_words(folder, **settings):
    """A transformer with its head for masked words, as SPLADE has it."""
    task = {"transformer_task": "fill-mask"} if MOVED else {}
    return MaskedWordTransformer(str(folder), **task, **settings)


def pooling_by(width, modes):
    """A Pooling by one mode, or by several whose vectors are joined."""
    if MOVED or isinstance(modes, str):
        return Pooling(width, pooling_mode=modes)
    return Pooling(width, **{f"pooling_mode_{flag}": m in modes for m, flag in _FLAGS.items()})
