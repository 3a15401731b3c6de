"""Names of a package that are imported on first use, as the stub beside it declares them.

Importing a package is light then, a name is written once, and type checkers see what it is.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


def names_of_stub(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package whose public names stand in its stub.

    ``__init__.pyi`` holds a docstring, imports from absolute names of modules, each name ``as``
    itself, and declarations such as ``__version__: str`` of what the package defines. ``__all__``
    are all of these. The stub is read when the first name is asked for.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    """

    @cache
    def homes() -> dict[str, str]:
        import ast
        from pkgutil import get_data

        stub = get_data(package, "__init__.pyi") or b""
        found: dict[str, str] = {}
        for node in ast.parse(stub).body:
            if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                found |= {name.name: node.module for name in node.names}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = package
        return dict(sorted(found.items()))

    def load(name: str) -> Any:
        if name == "__all__":
            return list(homes())
        home = homes().get(name, package)
        if home == package:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home), name)

    return load, lambda: list(homes())
