"""Which prompts stand before a query and before a document, by what a model knows of its own."""

from collections.abc import Mapping
from typing import Any

from whyalike.errors import ModelError, OptionError
from whyalike.texts import without_surrogates

QUERY, DOCUMENT = ("query",), ("document", "passage", "corpus")
"""Names of prompts, best first, that sentence-transformers' ``encode_query`` and
``encode_document`` take where none is named."""


def choose_prompts(
    prompts: tuple[str, str] | None,
    names: tuple[str, str] | None,
    *,
    known: Mapping[str, str],
    default: str | None,
    model: str,
    by_task: bool = False,
) -> tuple[str, str]:
    """Return the literal prompts of the left and the right text.

    Where none is asked for, and the model has one for queries or for documents, the left text is a
    query and the right one a document, with the prompts that ``encode_query`` and
    ``encode_document`` would take: an empty one too, and the default one only where a name is not
    known at all. A model that has neither puts its default prompt before both, as ``encode`` does.

    Parameters
    ----------
    prompts : tuple[str, str] | None
        Literal ones.
    names : tuple[str, str] | None
        Their names in ``known``.
    known : Mapping[str, str]
        The model's own prompts by name.
    default : str | None
        The name of the prompt that the model uses where none is named.
    model : str
        What to call the model in an error.
    by_task : bool, default=False
        Whether the model treats queries otherwise than documents besides their prompts.

    Raises
    ------
    OptionError
        Both ways of naming them are used, the model knows no such name, or prompts alone do not
        make a query of a text and must be asked for.
    ModelError
        What the model says of its prompts is no text.
    """
    if prompts is not None and names is not None:
        raise OptionError("Give either prompts or prompt_names, not both.")
    for given in (prompts, names):
        if given is not None and not _is_pair_of_texts(given):
            raise OptionError(
                f"prompts and prompt_names are two strings, (left, right); got {given!r}."
            )
    if prompts is not None:
        return without_surrogates(prompts[0]), without_surrogates(prompts[1])
    if not isinstance(known, Mapping):
        raise ModelError(
            f"The prompts of {model} are of type {type(known).__name__}; they must be a dictionary "
            "of texts by name."
        )
    if names is not None:
        for name in names:
            if name not in known:
                raise OptionError(
                    f"{model} has no prompt named {name!r}; it has: "
                    f"{', '.join(map(repr, known)) or 'none'}. Give literal ones with prompts=."
                )
        return _text_of(known, names[0], model), _text_of(known, names[1], model)
    usual = _text_of(known, default, model)
    # None where the model has no prompt of any of these names; an empty one is one too.
    own = [
        next((_text_of(known, name, model) for name in wanted if name in known), None)
        for wanted in (QUERY, DOCUMENT)
    ]
    if not any(own):
        return usual, usual
    if by_task:
        raise OptionError(
            f"{model} treats queries otherwise than documents, and not by their prompts alone, so "
            "that no pair of prompts gives the score of encode_query and encode_document. Say "
            "which prompts its plain score is to have: prompts=('', '') are none."
        )
    query, document = (usual if text is None else text for text in own)
    return query, document


def _text_of(known: Mapping[str, object], name: object, model: str) -> str:
    """Return the prompt of that name, and nothing where there is none."""
    if name is None:
        return ""
    text = known.get(name) if isinstance(name, str) else name
    if text is None:
        return ""
    if not isinstance(name, str) or not isinstance(text, str):
        what = f"The prompt {name!r}" if isinstance(name, str) else "The name of the default prompt"
        raise ModelError(
            f"{what} of {model} is of type {type(text).__name__}, and must be a text: mend its "
            "prompts, or give literal ones with prompts= (--prompts)."
        )
    return without_surrogates(text)


def _is_pair_of_texts(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(text, str) for text in value)
    )


def choose_from(
    pipeline: Any,
    prompts: tuple[str, str] | None,
    names: tuple[str, str] | None,
    *,
    model: str,
) -> tuple[str, str]:
    """Return the same for a model of sentence-transformers, by the prompts that it has.

    Raises OptionError as ``choose_prompts``.
    """
    return choose_prompts(
        prompts,
        names,
        known={k: v for k, v in (pipeline.prompts or {}).items() if v is not None},
        default=pipeline.default_prompt_name,
        model=model,
    )
