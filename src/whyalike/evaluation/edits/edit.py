"""A text with a few characters replaced, and exactly which."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from whyalike.errors import OptionError


@dataclass(frozen=True, slots=True)
class Change:
    """One place that changed: ``text[start:end]`` is ``old``, ``new`` begins at ``new_start``.

    Offsets are in characters. One of ``old`` and ``new`` may be empty, but not both.
    """

    start: int
    end: int
    old: str
    new: str
    new_start: int

    @property
    def new_end(self) -> int:
        """Offset in the edited text at which ``new`` ends."""
        return self.new_start + len(self.new)


@dataclass(frozen=True, slots=True)
class Edit:
    """What one rule made of a text: ``edited`` is ``text`` with all ``changes``, in their order."""

    rule: str
    changes_meaning: bool
    text: str
    edited: str
    changes: tuple[Change, ...]

    @property
    def summary(self) -> str:
        """What changed, for one line: old and new with an arrow, + for added, − for removed."""
        return ", ".join(_in_short(change) for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "rule": self.rule,
            "changes_meaning": self.changes_meaning,
            "edited": self.edited,
            "changes": [
                {"start": c.start, "end": c.end, "old": c.old, "new": c.new} for c in self.changes
            ],
        }


def make_edit(
    text: str,
    replacements: Iterable[tuple[int, int, str]],
    *,
    rule: str,
    changes_meaning: bool,
) -> Edit:
    """Return the edit that makes all replacements, (start, end, new), at once.

    Raises:
        OptionError: a replacement lies outside the text, two overlap, or one changes nothing.
    """
    ordered = sorted(replacements)
    for start, end, new in ordered:
        if not 0 <= start <= end <= len(text) or text[start:end] == new:
            raise OptionError(
                f"The rule {rule!r} replaced {start}:{end} by {new!r} in a text of {len(text)} "
                "characters; it must stay inside the text and change it."
            )
    if any(after[0] < before[1] for before, after in pairwise(ordered)) or not ordered:
        raise OptionError(
            f"The rule {rule!r} gave the replacements {ordered!r}; give one or more that do not "
            "overlap."
        )
    pieces, changes, place, moved = [], [], 0, 0
    for start, end, new in ordered:
        pieces += [text[place:start], new]
        changes.append(Change(start, end, text[start:end], new, start + moved))
        moved += len(new) - (end - start)
        place = end
    edited = "".join([*pieces, text[place:]])
    return Edit(rule, changes_meaning, text, edited, tuple(changes))


def _in_short(change: Change) -> str:
    old, new = change.old.strip(), change.new.strip()
    if not old:
        return f"+ {new}"
    return f"{old} → {new}" if new else f"\N{MINUS SIGN} {old}"
