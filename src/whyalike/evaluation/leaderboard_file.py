"""A leaderboard read back from the file that ``whyalike evaluate`` wrote."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whyalike.errors import FormatError
from whyalike.evaluation.leaderboard import Leaderboard
from whyalike.evaluation.leaderboard_entry import Entry
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.statistics import Interval

NAME = "leaderboard.json"


def read_leaderboard(path: str | os.PathLike[str]) -> Leaderboard:
    """Return the leaderboard in a file that ``Leaderboard.to_dict`` was written to.

    Its tests are not read, but done again when they are asked for. Metrics that this release does
    not know are left out, and named among the failures.

    Raises:
        FormatError: the file can't be read, or is none of this release.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"Could not read a leaderboard from {path}: {reason}.") from error
    if not isinstance(content, Mapping) or content.get("format") != "whyalike/leaderboard":
        raise FormatError(f"{path} holds no leaderboard: give one that `whyalike evaluate` wrote.")
    if content.get("version") != 1:
        raise FormatError(
            f"{path} is of version {content.get('version')!r}; this release reads version 1."
        )
    try:
        return _leaderboard(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} is damaged ({error}): make the leaderboard anew.") from error


def _leaderboard(content: Mapping[str, Any]) -> Leaderboard:
    entries = tuple(_entry(one) for one in content["entries"])
    unknown = sorted({one.metric for one in entries} - set(METRICS))
    failures = {str(name): str(why) for name, why in content["failures"].items()}
    return Leaderboard(
        entries=tuple(one for one in entries if one.metric in METRICS),
        model=str(content["model"]),
        pooling=str(content["pooling"]),
        version=str(content["whyalike"]),
        items={str(name): int(count) for name, count in content["items"].items()},
        versions={str(name): str(said) for name, said in content.get("versions", {}).items()},
        digests={str(name): str(said) for name, said in content.get("digests", {}).items()},
        settings={str(name): str(said) for name, said in content.get("settings", {}).items()},
        prompts=_prompts(content.get("prompts")),
        failures={**failures, **dict.fromkeys(unknown, "a metric of another release")},
    )


def _prompts(said: Any) -> tuple[str, str] | None:
    if said is None:
        return None
    left, right = said
    if not (isinstance(left, str) and isinstance(right, str)):
        raise ValueError(f"prompts are {said!r}")
    return left, right


def _entry(content: Mapping[str, Any]) -> Entry:
    figure, counts, curve = content["figure"], content.get("counts"), content.get("curve")
    return Entry(
        dataset=str(content["dataset"]),
        method=str(content["method"]),
        metric=str(content["metric"]),
        figure=None if figure is None else Interval(**figure),
        values=tuple(content["values"]),
        constant=int(content["constant"]),
        counts=None if counts is None else tuple(tuple(row) for row in counts),
        curve=None if curve is None else (tuple(curve[0]), tuple(curve[1])),
        chance=None if (chance := content.get("chance")) is None else float(chance),
        notes=tuple(map(str, content.get("notes", ()))),
    )
