"""Studies made by hand, without a model: what raters would see does not matter to most tests."""

from hashlib import sha256
from pathlib import Path

from whyalike.study.design import KnownAnswers, read_known_answers, write_explanation
from whyalike.study.folder import (
    Freezer,
    entry_of,
    freeze_checks,
    freeze_practice,
    read_study,
    write_study,
)
from whyalike.study.model import QUESTION, SCALE, Check, PlanSettings, Practice, Stimulus, Study

METHODS = ("bti", "whyalike", "random")
NOTHING = write_explanation("a b", "a b", [("a", "a", 1.0)])


def bare_study(samples=6, methods=3, *, per_rater=None, checks=0, repeats=0, seed=3, practice=0):
    """A study that exists in memory only; ids name what they are of."""
    names = tuple(f"m{n}" for n in range(methods))
    return Study(
        folder=Path("nowhere"),
        seed=seed,
        question=QUESTION,
        scale=SCALE,
        methods=names,
        model="none",
        fingerprint="",
        versions={},
        settings={},
        plan=PlanSettings(per_rater=per_rater, checks=checks, repeats=repeats),
        samples=samples,
        stimuli=tuple(
            Stimulus(f"{sample}-{name}", sample, name, NOTHING, "")
            for sample in range(samples)
            for name in names
        ),
        practice=tuple(Practice(f"p{n}", NOTHING, 4, 5, "", "") for n in range(practice)),
        checks=tuple(
            Check(f"c{n}", NOTHING, *((1, 2) if n % 2 else (4, 5)), "", n % 4 or None, "")
            for n in range(2 * checks)
        ),
        digest=sha256(f"{samples} {methods} {seed}".encode()).hexdigest(),
    )


def written_study(folder, samples=4, methods=METHODS, *, seed=3, checks=2, repeats=1):
    """A small study on disk, with one practice item."""
    freezer = Freezer(f"key {seed}".encode())
    shown = []
    stimuli = []
    for sample in range(samples):
        row = [
            write_explanation(
                f"Red apples in box {sample}.",
                f"A box of red apples, number {sample}.",
                [("apples", "apples", 1.0), ("box", "box", 0.9 - place / 10), ("in", "of", 0.2)],
            )
            for place, _ in enumerate(methods)
        ]
        shown.append(row)
        for name, explanation in zip(methods, row, strict=True):
            id, digest = freezer.freeze(f"{sample}/{name}", explanation)
            stimuli.append(Stimulus(id, sample, name, explanation, digest))
    packaged = read_known_answers()
    known = KnownAnswers(packaged.practice[:1], packaged.checks)
    manifest = {
        "seed": seed,
        "question": QUESTION,
        "scale": list(SCALE),
        "methods": list(methods),
        "model": "none",
        "fingerprint": "",
        "versions": {},
        "settings": {},
        "plan": {"per_rater": None, "checks": checks, "repeats": repeats},
        "samples": samples,
        "stimuli": list(map(entry_of, stimuli)),
        "practice": list(map(entry_of, freeze_practice(freezer, known))),
        "checks": list(map(entry_of, freeze_checks(freezer, known, shown, wanted=checks))),
    }
    write_study(Path(folder), manifest, freezer.files)
    return read_study(folder)
