"""Options that several commands have together: declared once, as the fields of a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any


class OptionGroup:
    """Base of frozen dataclasses whose fields are options, each with a Typer annotation."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of its options, as parameters have them."""
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]

    def keywords(self) -> dict[str, Any]:
        """Return what was given, or the default, by the names of the options."""
        return {name: getattr(self, name) for name in self.names()}


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has the options of its groups in the place of each group.

    Parameters
    ----------
    command : Callable
        A function with parameters for its own options, and one of type ``OptionGroup`` for each
        group, where its options stand in the help. All are keyword-only.

    Raises
    ------
    TypeError
        Two options have one name.
    """
    parameters: dict[str, inspect.Parameter] = {}
    groups: dict[str, type[OptionGroup]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        found = [parameter]
        if _is_group(parameter.annotation):
            groups[name] = parameter.annotation
            found = _options_of(parameter.annotation)
        for one in found:
            if parameters.setdefault(one.name, one) is not one:
                raise TypeError(f"{command.__name__} has two options {one.name!r}.")

    @wraps(command)
    def flat(**said: Any) -> None:
        whole = {
            name: group(**{one: said.pop(one) for one in group.names()})
            for name, group in groups.items()
        }
        command(**said, **whole)

    # Typer reads the options from the signature.
    flat.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    return flat


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, OptionGroup)


def _options_of(group: type[OptionGroup]) -> list[inspect.Parameter]:
    assert is_dataclass(group)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=field.type,
        )
        for field in fields(group)
    ]
