"""How models that read both texts of a pair in one sequence are recognised."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from sentence_transformers import CrossEncoder
from torch import nn

from whyalike.models.installed import MOVED, takes_chats
from whyalike.models.loading import folder_here
from whyalike.models.locating import find_here
from whyalike.models.refusals import (
    architectures_of,
    module_types,
    read_json,
    sign_in_folder,
    stated_family,
)

JOINT = re.compile(r"CrossEncoder|\w*ForSequenceClassification")
"""Classes of what reads two texts in one sequence."""


def is_joint(source: object) -> bool:
    """Return whether something is a cross-encoder or a classifier, as an object or on the disk."""
    if isinstance(source, str | Path):
        found = find_here(str(source))
        sign = None if found is None else sign_in_folder(found.folder)
        return sign is not None and bool(JOINT.fullmatch(sign.shown_by))
    model = source[0] if isinstance(source, tuple) and len(source) == 2 else source
    return any(JOINT.fullmatch(each.__name__) for each in type(model).__mro__)


def first_module(model: nn.Module) -> nn.Module | None:
    """Return the first module of a pipeline, which takes the texts."""
    return next(iter(model.children()), None)


def answer_tokens(model: CrossEncoder) -> tuple[int, ...] | None:
    """Return the tokens of the answers that LogitScore compares, the first for yes."""
    for module in model.children():
        if type(module).__name__ == "LogitScore":
            scored = cast("Any", module)
            both = scored.true_token_id, scored.false_token_id
            return tuple(int(token) for token in both if token is not None)
    return None


def is_chat_reranker(source: object) -> bool:
    """Return whether something is such a reranker, as an object or on the disk.

    A bare language model is one only where its configuration says that a CrossEncoder saved it.
    """
    if isinstance(source, CrossEncoder):
        return answer_tokens(source) is not None or takes_chats(first_module(source))
    folder = folder_here(source)
    if folder is None:
        return False
    if modules := module_types(folder):
        classes = [name.rpartition(".")[2] for name in modules]
        return is_joint(source) and ("LogitScore" in classes or _has_template(folder))
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        return False
    if not any(name.endswith("ForCausalLM") for name in architectures_of(config)):
        return is_joint(source) and _has_template(folder)
    # As CrossEncoders up to 5.0 note it.
    noted = config.get("sentence_transformers")
    older = isinstance(noted, Mapping) and "activation_fn" in noted
    return older or stated_family(folder) == "CrossEncoder"


def _has_template(folder: Path) -> bool:
    """Return whether a folder has a chat template, and the installed version would use it."""
    if not MOVED:
        return False
    settings = read_json(folder / "tokenizer_config.json")
    inside = isinstance(settings, dict) and settings.get("chat_template") is not None
    return inside or any(folder.glob("chat_template.*"))
