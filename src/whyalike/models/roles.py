"""Whether a text is a query or a document, where a model reads them by different functions.

Prompts say it, for whatever reads a text gets its prompt: a mark stands at their beginning.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Role = Literal["query", "document"]

ROLES: tuple[Role, Role] = get_args(Role)

MARKS: Mapping[Role, str] = MappingProxyType({role: f"[{role}]" for role in ROLES})
"""What a prompt of each role begins with."""


def mark_prompts(prompts: tuple[str, str]) -> tuple[str, str]:
    """Return prompts with marks; without one, the left text is a query and the right a document."""
    left, right = (
        prompt if prompt.startswith(tuple(MARKS.values())) else MARKS[role] + prompt
        for role, prompt in zip(ROLES, prompts, strict=True)
    )
    return left, right


def split_prompt(prompt: str) -> tuple[Role, str]:
    """Return the role of a text by its prompt, and what stands before it; unmarked, a document."""
    for role, mark in MARKS.items():
        if prompt.startswith(mark):
            return role, prompt.removeprefix(mark)
    return "document", prompt
