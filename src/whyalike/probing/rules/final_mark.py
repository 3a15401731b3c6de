"""The point at the end, put there or taken away: as harmless as an edit can be."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText


@register_rule(
    "final_mark",
    changes_meaning=False,
    summary="a point at the end, or none",
    example="We are open daily. → We are open daily",
)
def final_mark(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Take the last point away, or put one behind the last word."""
    if len(text.tokens) < 2:
        return
    last = text.tokens[-1]
    if last.text == "." and not text.tokens[-2].is_mark:
        yield [(last.start, last.end, "")]
    elif last.text[-1].isalpha():
        yield [(last.end, last.end, ".")]
