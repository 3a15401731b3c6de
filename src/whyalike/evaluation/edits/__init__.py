"""Edits that change what a text means, or that don't: rules by name, and our word lists."""

from whyalike.evaluation.edits.edit import Change, Edit
from whyalike.evaluation.edits.registry import (
    Rule,
    find_edits,
    get_rule,
    get_rules,
    list_rules,
    register_rule,
)
from whyalike.evaluation.edits.rule_text import Replacement, RuleText
from whyalike.evaluation.edits.word_lists import WordLists

__all__ = [
    "Change",
    "Edit",
    "Replacement",
    "Rule",
    "RuleText",
    "WordLists",
    "find_edits",
    "get_rule",
    "get_rules",
    "list_rules",
    "register_rule",
]
