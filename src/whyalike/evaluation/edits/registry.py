"""The rules by name. A new one is a file in ``rules``, or any function, with this decorator."""

import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from random import Random

from whyalike.errors import OptionError
from whyalike.evaluation.edits.edit import Edit, make_edit
from whyalike.evaluation.edits.rule_text import Replacement, RuleText
from whyalike.evaluation.edits.word_lists import WordLists
from whyalike.options import check_whole
from whyalike.texts import clean_text

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


_RULES: dict[str, Rule] = {}


def register_rule(
    name: str, *, changes_meaning: bool, summary: str, example: str = ""
) -> Callable[[FindReplacements], FindReplacements]:
    """Return a decorator that makes a function a rule under ``name``.

    Raises:
        OptionError: the name is taken.
    """

    def decorate(find: FindReplacements) -> FindReplacements:
        if name in _RULES:
            raise OptionError(
                f"A rule {name!r} is registered already, by {_RULES[name].find.__module__}. "
                "Choose another name."
            )
        _RULES[name] = Rule(name, find, changes_meaning, summary, example)
        return find

    return decorate


def get_rule(name: str) -> Rule:
    """Return the rule of that name. Raises OptionError on an unknown one."""
    _load_rules()
    if name not in _RULES:
        raise OptionError(f"There is no rule {name!r}; there are: {', '.join(sorted(_RULES))}.")
    return _RULES[name]


def get_rules(names: Sequence[str]) -> list[Rule]:
    """Return the rules of those names, each once. Raises OptionError on one name, or unknown ones.

    A lone name would be taken for its letters.
    """
    if isinstance(names, str):
        raise OptionError(f"rules is {names!r}; give a list of names, such as [{names!r}].")
    return [get_rule(name) for name in dict.fromkeys(names)]


def list_rules() -> tuple[Rule, ...]:
    """Return all rules: those that change the meaning first, then by name."""
    _load_rules()
    return tuple(sorted(_RULES.values(), key=lambda rule: (not rule.changes_meaning, rule.name)))


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

    Args:
        text: the text to be edited.
        rules: names of rules; by default all.
        per_rule: the most edits by one rule.
        words: word lists; by default ``WordLists.english()``.
        seed: of all choices.

    Raises:
        OptionError: an unknown rule, or ``per_rule`` below 1.
        TextError: ``text`` is no text.
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


@cache
def _load_rules() -> None:
    """Import every file of ``rules`` once, on first use, so that importing costs nothing."""
    from whyalike.evaluation.edits import rules

    for module in pkgutil.iter_modules(rules.__path__):
        import_module(f"{rules.__name__}.{module.name}")
