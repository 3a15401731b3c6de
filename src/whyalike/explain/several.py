"""Explanations of one pair by several methods, as one document."""

from collections.abc import Mapping, Sequence
from typing import Any

from whyalike.documents import Format
from whyalike.explain.explanation import Explanation

FORMAT = Format("whyalike/explanations", "list of explanations", "Make it anew.")


def explanations_to_dict(
    explanations: Sequence[Explanation], *, left_out: Mapping[str, str]
) -> dict[str, Any]:
    """Return plain dictionaries: each explanation's own, and by method why another gave none."""
    return {
        **FORMAT.head(),
        "explanations": [explanation.to_dict() for explanation in explanations],
        "left_out": dict(left_out),
    }
