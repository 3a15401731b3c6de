"""A package of somebody else, installed for a test: a method with options of its own."""

from whyalike.methods.method import METHODS, list_methods

NAME = "first_words"
SOURCE = '''
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from whyalike.methods.method import forward, register_method
from whyalike.methods.perturbation import compare_words
from whyalike.options import MethodOptions, option


@dataclass(frozen=True, kw_only=True)
class FirstOptions(MethodOptions):
    """Options of this method."""

    count: int = option(
        2,
        meaning="How many words at the start are salient.",
        least=1,
        most=9,
        served=5,
        unit="words",
        cost="not at all",
    )
    side: Literal["start", "end"] = option("start", meaning="Where they are counted from.")


SEEN = []


@register_method(
    "first_words",
    summary="the first words of each text",
    source="a test",
    forwards="1",
    backwards="0",
    passes=forward,
    promises=("any embedding",),
    options=FirstOptions,
)
def first_words(setting, pairs):
    options = FirstOptions.of(setting.options)
    SEEN.append(setting.options)

    def weigh(side):
        order = np.arange(len(side.spans))
        chosen = order if options.side == "start" else order[::-1]
        return replace(side, saliency=(chosen < options.count) * 1.0)

    return [
        replace(pair, left=weigh(pair.left), right=weigh(pair.right))
        for pair in compare_words(setting, pairs)
    ]
'''


def write_package(folder, *, package="words_from_elsewhere", source=SOURCE, point=NAME):
    """Write a package and what an installer writes beside it, into a folder for sys.path."""
    (folder / f"{package}.py").write_text(source, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    said = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    (info / "METADATA").write_text(said, encoding="utf-8")
    points = f"[whyalike.methods]\n{point} = {package}\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def find_again(monkeypatch, folder):
    """Look for methods as a new process does that has ``folder`` on its path."""
    list_methods()
    monkeypatch.syspath_prepend(folder)
    for name in ("_entries", "_makers", "_failures"):
        monkeypatch.setattr(METHODS, name, dict(getattr(METHODS, name)))
    monkeypatch.setattr(METHODS, "_is_loaded", False)
    list_methods()
