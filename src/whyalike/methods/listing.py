"""Names of methods and their options, read without the methods: what runs them loads torch.

A wrong name is refused by it at once. The files of this package are read as text; where that does
not do, as with the methods of another package, the registry says.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from whyalike.errors import OptionError
from whyalike.options import Declared, MethodOptions, declared
from whyalike.registry import unknown_name

Listing = Mapping[str, tuple[Declared, ...]]
"""The options of methods by their names."""

GROUP, REGISTRY = "whyalike.methods", "whyalike.methods.method"

USUAL = ("exact", "parts", "ranks", "whyalike", "bti", "occlusion")
"""Methods where none is named: a model is explained by the first that works with it."""
USUAL_SIGNED = ("exact", "parts", "whyalike", "occlusion")
"""The same for what needs signed contributions, such as a comparison."""
FIRST = ("whyalike", "bti")
"""The methods that lists begin with."""


def list_names() -> list[str]:
    """Return the names of all methods, as ``list_methods`` has them."""
    return list(_all())


def check_methods(names: Sequence[str]) -> None:
    """Raise OptionError unless each is the name of a method that can be loaded."""
    _chosen(names)


def find_option_of(name: str, methods: Sequence[str]) -> Declared:
    """Return the declaration of an option that one of the methods has; without any, of all.

    Raises OptionError on an unknown method, and where none of them has it.
    """
    return find_among(name, _chosen(methods) if methods else _all(), _all())


def find_among(name: str, asked: Listing, every: Listing) -> Declared:
    """Return the declaration of an option that one of the methods that are asked has.

    Raises OptionError where none has it; it says which options they have, and of all methods who
    has that one.
    """
    for options in asked.values():
        for one in options:
            if one.name == name:
                return one
    known = dict.fromkeys(one.name for options in asked.values() for one in options)
    others = [method for method, own in every.items() if name in {one.name for one in own}]
    elsewhere = f" It is one of {', '.join(others)}." if others else ""
    raise OptionError(
        f"There is no option {name!r} of {', '.join(asked)}.{elsewhere} "
        f"Allowed: {', '.join(known)}."
    )


def _chosen(names: Sequence[str]) -> Listing:
    every = _all()
    for name in names:
        if name not in every:
            if REGISTRY in sys.modules:
                from whyalike.methods.method import get_method

                get_method(name)  # It says what keeps one from being loaded.
            raise unknown_name("method", name, every)
    return {name: every[name] for name in names}


def _all() -> Listing:
    """Return all methods: by the registry where it is loaded, or has to be, and else as read."""
    found = None if REGISTRY in sys.modules or entry_points(group=GROUP) else read_listing()
    if found is not None:
        return found
    from whyalike.methods.method import list_methods

    return {method.name: method.declared for method in list_methods()}


@cache
def read_listing() -> Listing | None:
    """Return the methods that the files beside this one register, and None where one is unclear.

    Its options may then be given by what has to be run.
    """
    found = dict[str, tuple[Declared, ...]]()
    try:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            found |= _read_file(path)
    except (LookupError, OSError, NameError, SyntaxError, TypeError, ValueError):
        return None
    return dict(sorted(found.items(), key=lambda one: order(one[0])))


def order(name: str) -> tuple[bool, bool, str]:
    """Return by what methods are sorted in lists: ``whyalike`` and ``bti``, then by name."""
    return name not in FIRST, name == "bti", name


def _read_file(path: Path) -> Listing:
    """Return what a file registers. Classes of options need nothing but those they derive from."""
    tree = ast.parse(path.read_bytes())
    names: dict[str, Any] = {"__name__": f"whyalike.methods.{path.stem}"}
    found = dict[str, tuple[Declared, ...]]()
    for node in tree.body:
        if _is_light(node) or (isinstance(node, ast.ClassDef) and _derives(node, names)):
            exec(compile(ast.Module([node], []), path, "exec"), names)
        elif isinstance(node, ast.FunctionDef):
            for call in _registrations(node):
                said = {word.arg: word.value for word in call.keywords}
                options = said.get("options")
                if options is None:
                    known: Any = MethodOptions
                else:
                    known = names[options.id if isinstance(options, ast.Name) else ""]
                found[ast.literal_eval(call.args[0])] = declared(known)
    return found


def _is_light(node: ast.stmt) -> bool:
    light = ("dataclasses", "typing", "whyalike.options")
    return isinstance(node, ast.ImportFrom) and node.module in light


def _derives(node: ast.ClassDef, names: Mapping[str, Any]) -> bool:
    """Return whether a class derives from classes of options alone."""
    bases = [names.get(base.id) if isinstance(base, ast.Name) else None for base in node.bases]
    return any(isinstance(base, type) and issubclass(base, MethodOptions) for base in bases)


def _registrations(node: ast.FunctionDef) -> Iterator[ast.Call]:
    for call in node.decorator_list:
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "register_method"
        ):
            yield call
