"""The model behind an Explainer: loaded, given, or a function; and what may run on it."""

from whyalike.attribution import Method, get_method, list_methods
from whyalike.encoder.black_box import BlackBox, Embed
from whyalike.encoder.encoder import Encoder
from whyalike.encoder.loading import ModelSource, load
from whyalike.encoder.pooling import Pooling
from whyalike.encoder.text_model import TextModel
from whyalike.errors import ModelError, OptionError
from whyalike.types import SimilarityFunction

DEFAULT_MODEL = "all-MiniLM-L6-v2"


def open_model(
    model: ModelSource | None,
    embed: Embed | BlackBox | None,
    *,
    similarity_function: SimilarityFunction | None,
    pooling: Pooling,
    device: str | None,
    trust_remote_code: bool,
    allow_pickle: bool,
) -> TextModel:
    """Return an Encoder of ``model``, or a BlackBox of ``embed``; see Explainer for the arguments.

    Raises:
        ModelNotFoundError, UnsafeModelError, ModelError: the model can't be had or used.
        OptionError: both are given, or something that belongs to the other.
    """
    if embed is None:
        if similarity_function is not None:
            raise OptionError(
                f"similarity_function is {similarity_function!r}, and a model has its own: it goes "
                "with embed= only."
            )
        loaded = load(
            DEFAULT_MODEL if model is None else model,
            device=device,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        if pooling == "auto" and loaded.unpooled:
            raise ModelError(loaded.unpooled)
        return Encoder(loaded, pooling=pooling)
    others = {
        "model": model is not None,
        "pooling": pooling != "auto",
        "device": device is not None,
        "trust_remote_code": trust_remote_code,
        "allow_pickle": allow_pickle,
        "similarity_function": isinstance(embed, BlackBox) and similarity_function is not None,
    }
    if wrong := [name for name, given in others.items() if given]:
        raise OptionError(
            f"With embed= there is no other model to load or to pool: leave out {', '.join(wrong)}."
        )
    if isinstance(embed, BlackBox):
        return embed
    return BlackBox(embed, similarity_function=similarity_function or "cosine")


def method_for(model: TextModel, name: str) -> Method:
    """Return the method of that name.

    Raises OptionError on an unknown one, and on one that can't work with ``model``.
    """
    method = get_method(name)
    if isinstance(model, BlackBox) and "any embedding" not in method.promises:
        able = [m.name for m in list_methods() if "any embedding" in m.promises]
        raise OptionError(
            f"The method {name!r} needs a model's hidden states or gradients, and embed= gives "
            f"vectors of whole texts only. Methods that need no more: {', '.join(able)}."
        )
    return method
