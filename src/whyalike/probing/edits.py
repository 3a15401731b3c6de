"""Edits that change what a text means, or that don't: what one is, and rules by name."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from whyalike.errors import OptionError
from whyalike.options import check_whole
from whyalike.probing.rule_text import Replacement, RuleText, WordLists
from whyalike.registry import Registry
from whyalike.texts import clean_text


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

    Raises
    ------
    OptionError
        A replacement lies outside the text, two overlap, or one changes nothing.
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


FindReplacements = Callable[[RuleText], Iterable[Sequence[Replacement]]]
"""From a text to the edits that can be made, each a set of replacements to be made together.

An empty set is no edit.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule. ``changes_meaning`` is what it promises of every edit that it makes."""

    name: str
    find: FindReplacements
    changes_meaning: bool
    summary: str
    example: str


RULES: Registry[Rule] = Registry("rule", package="whyalike.probing.rules")


def register_rule(
    name: str, *, changes_meaning: bool, summary: str, example: str = ""
) -> Callable[[FindReplacements], FindReplacements]:
    """Return a decorator that makes a function a rule under ``name``.

    Raises
    ------
    OptionError
        The name is taken.
    """

    def decorate(find: FindReplacements) -> FindReplacements:
        rule = Rule(name, find, changes_meaning, summary, example)
        RULES.add(name, rule, maker=find.__module__)
        return find

    return decorate


def get_rule(name: str) -> Rule:
    """Return the rule of that name. Raises OptionError on an unknown one."""
    return RULES.get(name)


def get_rules(names: Sequence[str]) -> list[Rule]:
    """Return the rules of those names, each once. Raises OptionError on one name, or unknown ones.

    A lone name would be taken for its letters.
    """
    if isinstance(names, str):
        raise OptionError(f"rules is {names!r}; give a list of names, such as [{names!r}].")
    return [get_rule(name) for name in dict.fromkeys(names)]


def list_rules() -> tuple[Rule, ...]:
    """Return all rules: those that change the meaning first, then by name."""
    return tuple(
        sorted(RULES.all().values(), key=lambda rule: (not rule.changes_meaning, rule.name))
    )


def find_edits(
    text: str,
    *,
    rules: Sequence[str] | None = None,
    per_rule: int = 1,
    words: WordLists | None = None,
    seed: int = 0,
) -> list[Edit]:
    """Return what the rules make of a text, in the order of ``list_rules``, then of the text.

    A rule that can make more than ``per_rule`` edits makes a random choice of them; the choice, and
    every other that a rule makes, depends on the seed, the rule and the text alone.

    Parameters
    ----------
    text : str
        The text to be edited.
    rules : sequence of str, optional
        Names of rules; by default all.
    per_rule : int, default=1
        The most edits by one rule.
    words : WordLists, optional
        Word lists; by default ``WordLists.english()``.
    seed : int, default=0
        Of all choices.

    Raises
    ------
    OptionError
        An unknown rule, or ``per_rule`` below 1.
    TextError
        ``text`` is no text.
    """
    check_whole("per_rule", per_rule)
    check_whole("seed", seed, least=0)
    wanted = list_rules() if rules is None else get_rules(rules)
    lists = WordLists.english() if words is None else words
    clean = clean_text(text, side="probed").text
    edits: list[Edit] = []
    for rule in wanted:
        rng = Random(f"{seed}/{rule.name}/{clean}")
        found: dict[str, Edit] = {}
        for replacements in rule.find(RuleText(clean, words=lists, rng=rng)):
            if not replacements:
                continue  # It could not be made good English: see RuleText.replace.
            edit = make_edit(
                clean, replacements, rule=rule.name, changes_meaning=rule.changes_meaning
            )
            found.setdefault(edit.edited, edit)
        kept = list(found.values())
        if len(kept) > per_rule:
            kept = [kept[n] for n in sorted(rng.sample(range(len(kept)), per_rule))]
        edits += kept
    return edits
