"""Whether vectors that somebody else made are those of a model, on a sample of their texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.catalogue.given_vectors import NAMED, GivenVectors
from whyalike.catalogue.item_store import ItemStore, field_text
from whyalike.catalogue.manifest import Field, policy_of
from whyalike.data.items import Item
from whyalike.data.stream import ReadReport
from whyalike.errors import OptionError
from whyalike.models.scorer import require_vectors
from whyalike.similarity import comparable

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

SAMPLE = 32
"""Items whose texts are embedded to see whether the vectors are the model's."""

LEAST_COSINE = 0.999
"""Of the model's vector of a text with the one that is given: half precision gives .9999."""

LENGTH = 1e-2
"""How far lengths may be apart, as a share, where a similarity depends on them."""

TEXTS_OF: dict[Field, str] = {
    "title+description": "titles and descriptions as one text",
    "description": "descriptions alone",
    "title": "titles alone",
}


def cosines_of(own: NDArray[np.floating], given: NDArray[np.floating]) -> Floats:
    """Return the cosine (N,) of each of N vectors (N, H) with the other of the same text."""
    one, other = (comparable(rows.astype(np.float64), function="cosine") for rows in (own, given))
    cosines: Floats = (one * other).sum(axis=1)
    return cosines


def check_agreement(
    own: NDArray[np.floating], given: NDArray[np.floating], *, name: str, advice: str
) -> float:
    """Return the least cosine of a model's vectors (N, H) with those given for the same texts.

    Parameters
    ----------
    own : NDArray
        The model's.
    given : NDArray
        The others.
    name : str
        The model's.
    advice : str
        What to do where they differ, a sentence.

    Raises
    ------
    OptionError
        It is below ``LEAST_COSINE``: the vectors are another model's, or of other texts.
    """
    cosines = cosines_of(own, given)
    least, middle = float(cosines.min()), float(np.median(cosines))
    if least < LEAST_COSINE:
        low = int((cosines < LEAST_COSINE).sum())
        raise OptionError(
            f"{name} gives other vectors than those given: of {len(cosines)} texts the cosine of "
            f"both is {middle:.4f} in the median and {least:.4f} at least, and {LEAST_COSINE} is "
            f"needed ({low} of them have less). {advice}"
        )
    return least


def check_given(
    given: GivenVectors,
    store: ItemStore,
    count: int,
    *,
    explainer: "Explainer",
    field: Field,
    report: ReadReport,
) -> None:
    """Raise OptionError unless vectors are a model's, one for each item of a store.

    Parameters
    ----------
    given : GivenVectors
        The vectors.
    store : ItemStore
        The items.
    count : int
        How many there are.
    explainer : Explainer
        The model that is said to have made them.
    field : Field
        What of an item is said to be embedded.
    report : ReadReport
        How the items were read; gets what is remarkable.
    """
    _check_count(given, store, count, report)
    _check_zeros(given, store, explainer, field, report)
    zeros = set(given.zeros)
    places = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int))
    items = [item for place in places.tolist() for item in store.items(place, place + 1)]
    rows = [
        given.ids[item.id] if given.ids else place
        for place, item in zip(places, items, strict=True)
    ]
    chosen = [place for place, row in enumerate(rows) if row not in zeros]
    items = [items[place] for place in chosen]
    vectors = given.take([int(rows[place]) for place in chosen])
    if not items:
        return
    name = explainer.model.name
    own = _embed(explainer, [field_text(item, field) for item in items])
    if own.shape[1] != given.shape[1]:
        raise OptionError(
            f"The vectors of {given.name} have {given.shape[1]} features, and those of {name} "
            f"{own.shape[1]}: give the model that made them (--model)."
        )
    cosines = cosines_of(own, vectors)
    advice = ""
    if cosines.min() < LEAST_COSINE:
        advice = _advice(items, vectors, cosines, explainer, field)
    least = check_agreement(own, vectors, name=name, advice=advice)
    _check_lengths(own, vectors, given, explainer)
    report.notes.append(
        f"Vectors of {given.name}: {name} gives the same for a sample of {len(items)} "
        f"{'item' if len(items) == 1 else 'items'} (the least cosine is {least:.5f})."
    )


def _check_count(given: GivenVectors, store: ItemStore, count: int, report: ReadReport) -> None:
    there = given.shape[0]
    if given.ids is None:
        if there == count:
            return
        said = f"{report.path or 'the source'} {count:,} items"
        if report.rows > report.kept:
            said += f" ({report.rows:,} rows: {report.kept:,} kept, {report.folded:,} part of "
            said += f"others, {len(report.bad):,} bad)"
        why = "more vectors than items" if there > count else "fewer vectors than items"
        if there == report.rows:
            why += ", as many as rows"
        raise OptionError(
            f"{given.name} holds {there:,} vectors, and {said}: {why}. Give one for each item that "
            "is kept, in their order, or Parquet with a column of ids beside the vectors."
        )
    missing, lack = list[str](), 0
    for some in store.batches(count):
        absent = [item.id for item in some if item.id not in given.ids]
        lack += len(absent)
        missing += absent[: max(0, NAMED - len(missing))]
    if lack:
        named = ", ".join(map(repr, missing)) + (" ..." if lack > len(missing) else "")
        raise OptionError(
            f"{given.name} holds {there:,} vectors, and by their ids none for {lack:,} of "
            f"{count:,} items ({named}): add them, or leave those items out."
        )
    if there > count:
        report.notes.append(
            f"{there - count:,} of {there:,} vectors of {given.name} are of no item, and left out."
        )


def _check_zeros(
    given: GivenVectors,
    store: ItemStore,
    explainer: "Explainer",
    field: Field,
    report: ReadReport,
) -> None:
    """Raise OptionError where a vector is zero, and the model's is another one."""
    if not given.zeros:
        return
    if given.ids is None:
        items = [item for place in given.zeros[:SAMPLE] for item in store.items(place, place + 1)]
        number = len(given.zeros)
    else:
        names = {name for name, row in given.ids.items() if row in set(given.zeros)}
        found = [place for name in names if (place := store.position_of(name)) is not None]
        items = [item for place in sorted(found)[:SAMPLE] for item in store.items(place, place + 1)]
        number = len(found)
    if not items:
        return
    said = ", ".join(repr(item.id) for item in items[:NAMED]) + (" ..." if number > NAMED else "")
    if _embed(explainer, [field_text(item, field) for item in items]).any():
        raise OptionError(
            f"Of {given.shape[0]:,} vectors of {given.name} {number:,} hold nothing but zeros, and "
            f"{explainer.model.name} gives others: those of {said}. Embed these items anew, or "
            "leave them out."
        )
    report.notes.append(f"{number:,} vectors are zero, and like nothing: those of {said}.")


def _check_lengths(
    own: Floats, vectors: Floats, given: GivenVectors, explainer: "Explainer"
) -> None:
    """Raise OptionError where lengths differ, and the model's similarity goes by them."""
    function = explainer.model.similarity_function
    if function == "cosine":
        return
    ratio = np.linalg.norm(vectors, axis=1) / np.linalg.norm(own, axis=1)
    if np.abs(ratio - 1).max() > LENGTH:
        raise OptionError(
            f"The vectors of {given.name} are {ratio.min():.3f} to {ratio.max():.3f} times as long "
            f"as those of {explainer.model.name}, which compares by {function}: give them as the "
            "model made them, not normalized."
        )


def _advice(
    items: Sequence[Item],
    vectors: Floats,
    cosines: Floats,
    explainer: "Explainer",
    field: Field,
) -> str:
    """Return of which other texts the vectors are, or else which items are worst."""
    query, passage = explainer.prompts
    fields = [field, *(other for other in TEXTS_OF if other != field)]
    prompts = list(dict.fromkeys((passage, "", query)))
    tries = [(text, prompt) for prompt in prompts for text in fields][1:]
    for text, prompt in tries:
        own = _embed(explainer, [field_text(item, text) for item in items], prompt=prompt)
        if own.shape[1] != vectors.shape[1] or cosines_of(own, vectors).min() < LEAST_COSINE:
            continue
        parts = []
        if text != field:
            parts.append(f"fields=({text!r},) (--fields {text})")
        if prompt != passage:
            parts.append(f"prompts=({query!r}, {prompt!r}) (--prompts {query!r} {prompt!r})")
        behind = "" if prompt == passage else f" behind the prompt {prompt!r}" if prompt else ""
        without = " without a prompt" if passage and not prompt else ""
        return f"They are those of {TEXTS_OF[text]}{behind}{without}: say {' and '.join(parts)}."
    worst = [
        items[place].id for place in np.argsort(cosines)[:NAMED] if cosines[place] < LEAST_COSINE
    ]
    return (
        f"Neither {', '.join(TEXTS_OF.values())} fit, with or without the model's prompts; worst "
        f"are the items {', '.join(map(repr, worst))}. Give the model that made them (--model), "
        "with its pooling, and vectors in the order of the items."
    )


def _embed(explainer: "Explainer", texts: list[str], *, prompt: str | None = None) -> Floats:
    model = require_vectors(explainer.model, what="An index of a catalogue", sparse=True)
    before = explainer.prompts[1] if prompt is None else prompt
    vectors: Floats = model.embed(texts, prompt=before, long_text=policy_of(explainer))
    return vectors
