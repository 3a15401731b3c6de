"""A study made: its pairs of texts, and their explanations as stimuli."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from whyalike.documents import package_versions
from whyalike.errors import OptionError
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.fingerprint import fingerprint
from whyalike.methods.method import get_method
from whyalike.study.folder import (
    MANIFEST,
    Freezer,
    blind,
    entry_of,
    freeze_checks,
    freeze_practice,
    manifest_bytes,
    read_study,
    write_study,
)
from whyalike.study.model import Stimulus, Study
from whyalike.study.options import StudyOptions, draw_samples, plan_of

TextPair = tuple[str, str]
Tell = Callable[[str, int, int], None]


def create_study(
    explainer: Explainer,
    pairs: Sequence[TextPair],
    *,
    methods: Sequence[str],
    folder: str | Path,
    options: StudyOptions | None = None,
    tell: Tell | None = None,
) -> Study:
    """Explain samples by every method and freeze what raters will see.

    The same arguments give the same bytes. A folder with another study is written over only while
    nobody was invited to that.

    Parameters
    ----------
    explainer : Explainer
        The model, its settings, and the options of the methods.
    pairs : sequence of TextPair
        Of texts; equal pairs count once.
    methods : sequence of str
        At least two names, in the order in which they are reported.
    folder : str | Path
        Where to write.
    options : StudyOptions, optional
        Everything else.
    tell : Tell, optional
        Is called with a method, how many of its explanations are made, and of how many.

    Raises
    ------
    OptionError
        Too few pairs or methods, an option that is not allowed, or a folder whose study has raters
        already.
    TextError
        A pair that can't be explained.
    OutputError
        The folder can't be written.
    ModelError
        Vectors or gradients that are no finite numbers.
    """
    options = StudyOptions() if options is None else options
    methods = list(methods)
    samples = draw_samples(pairs, options)
    plan = plan_of(options, methods, samples=len(samples))
    folder = Path(folder)
    explained = [_explain(explainer.with_method(name), samples, tell) for name in methods]
    vectors = fingerprint(explainer, list(dict.fromkeys(text for pair in samples for text in pair)))
    settings = _settings(explainer, explained[0][0], methods, options)
    said = [options.seed, samples, methods, vectors, settings]
    freezer = Freezer(sha256(json.dumps(said, sort_keys=True).encode()).digest())
    shown = [blind(by_method, shown=options.shown) for by_method in zip(*explained, strict=True)]
    stimuli = [
        Stimulus(id, sample, name, explanation, digest)
        for sample, by_method in enumerate(shown)
        for name, explanation in zip(methods, by_method, strict=True)
        for id, digest in [freezer.freeze(f"{sample}/{name}", explanation)]
    ]
    manifest = {
        "seed": options.seed,
        "question": options.question,
        "scale": list(options.scale),
        "methods": methods,
        "model": explained[0][0].model,
        "fingerprint": vectors,
        "versions": package_versions(),
        "settings": {**settings, "fewer_pairs": _fewer_pairs(methods, shown)},
        "plan": asdict(plan),
        "samples": len(samples),
        "stimuli": list(map(entry_of, stimuli)),
        "practice": list(map(entry_of, freeze_practice(freezer, options.known))),
        "checks": list(
            map(entry_of, freeze_checks(freezer, options.known, shown, wanted=plan.checks))
        ),
    }
    _refuse_if_invited(folder, manifest_bytes(manifest))
    write_study(folder, manifest, freezer.files)
    return read_study(folder)


def _explain(
    explainer: Explainer, samples: Sequence[TextPair], tell: Tell | None
) -> list[Explanation]:
    found: list[Explanation] = []
    for explanation in explainer.explain_many(samples):
        found.append(explanation)
        if tell is not None:
            tell(explainer.method.name, len(found), len(samples))
    return found


def _settings(
    explainer: Explainer, one: Explanation, methods: Sequence[str], options: StudyOptions
) -> dict[str, Any]:
    return {
        "shown": options.shown,
        "pooling": one.pooling,
        "similarity_function": one.similarity_function,
        "prompts": list(explainer.prompts),
        "lexicon": "packaged" if explainer.lexicon is None else "given",
        "rarity": _rarity(explainer, methods),
        "options": explainer.options.to_dict(),
    }


def _rarity(explainer: Explainer, methods: Sequence[str]) -> str | None:
    """Return how it was learnt how rare words are, or None where no method goes by that."""
    if not any(get_method(name).lexical for name in methods):
        return None
    lexicon = explainer.lexicon
    return "guessed from ranks" if lexicon is None or lexicon.rarity.note else "counted in texts"


def _fewer_pairs(methods: Sequence[str], shown: Sequence[Sequence[Explanation]]) -> dict[str, int]:
    """Return by method how many stimuli have fewer pairs than another method's of the sample."""
    found = dict.fromkeys(methods, 0)
    for by_method in shown:
        most = max(len(one.pairs) for one in by_method)
        for name, one in zip(methods, by_method, strict=True):
            found[name] += len(one.pairs) < most
    return found


def _refuse_if_invited(folder: Path, manifest: bytes) -> None:
    """Raise OptionError if the folder's database has raters, unless of this same study."""
    path = folder / MANIFEST
    if not (folder / "study.db").exists() or (path.exists() and path.read_bytes() == manifest):
        return
    from whyalike.study.storage import Storage

    storage = Storage.open(folder)
    try:
        raters = len(storage.raters())
    finally:
        storage.close()
    if raters:
        raise OptionError(
            f"{folder} has another study, to which raters were invited ({raters}): give another "
            "folder with -o. Nothing was written."
        )
