"""A leaderboard read back from the file that ``whyalike evaluate`` wrote."""

import os

from whyalike.documents import read_object
from whyalike.evaluation.leaderboard import FORMAT, Leaderboard
from whyalike.evaluation.leaderboard_entry import check_entries
from whyalike.evaluation.suite_metrics import METRICS

NAME = "leaderboard.json"

_WORKED_OUT = ("metrics", "tests")
"""What a leaderboard says for other programs, and is worked out anew here."""


def read_leaderboard(path: str | os.PathLike[str]) -> Leaderboard:
    """Return the leaderboard in a file that ``Leaderboard.to_dict`` was written to.

    Its tests are not read, but done again when they are asked for. Metrics that this release does
    not know are left out, and named among the failures.

    Raises:
        FormatError: the file can't be read, is none, damaged, or of a newer release.
    """
    body = FORMAT.load(path)
    with FORMAT.reading(where=os.fspath(path)):
        said = {key: value for key, value in body.items() if key not in _WORKED_OUT}
        if "whyalike" in said:
            said["version"] = said.pop("whyalike")
        found = read_object(said, Leaderboard)
        check_entries(found["entries"])
    unknown = sorted({one.metric for one in found["entries"]} - set(METRICS))
    found["entries"] = tuple(one for one in found["entries"] if one.metric in METRICS)
    found["failures"] = {
        **found.get("failures", {}),
        **dict.fromkeys(unknown, "a metric of another release"),
    }
    return Leaderboard(**found)
