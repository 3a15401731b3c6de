"""Names that packages import on first use: one list, in their stubs, with their types."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

import whyalike

SOURCE = Path(whyalike.__file__).parent
PACKAGES = [
    "whyalike",
    *(f"whyalike.{path.parent.name}" for path in sorted(SOURCE.glob("*/__init__.pyi"))),
]
UNTYPED = (
    "torch transformers sentence_transformers datasets sqlalchemy fastapi starlette uvicorn numpy rich "
    "jinja2 typer pydantic prometheus_client"
)


def declared(package):
    stub = SOURCE.joinpath(*package.split(".")[1:], "__init__.pyi")
    return {
        name.asname: node.module
        for node in ast.parse(stub.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_every_package_with_names_of_its_own_is_here():
    lazily = {
        path.parent for path in SOURCE.rglob("__init__.py") if "__getattr__" in path.read_text()
    }
    assert {SOURCE.parent.joinpath(*package.split(".")) for package in PACKAGES} == lazily
    assert len(PACKAGES) == 8


@pytest.mark.parametrize("package", PACKAGES)
def test_the_names_are_those_of_the_stub(package):
    module, names = importlib.import_module(package), declared(package)
    assert names
    own = {"__version__"} if package == "whyalike" else set()
    assert module.__all__ == sorted({*names, *own}) == dir(module)
    for name, home in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
    star = {}
    exec(f"from {package} import *", star)
    assert {*names, *own} <= set(star)


def test_a_package_is_imported_without_its_names_and_without_reading_its_stub():
    code = f"import sys, {', '.join(PACKAGES)}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.split())
    assert {name for name in loaded if name.startswith("whyalike")} == {
        *PACKAGES, "whyalike.lazy", "whyalike.errors",
    }  # fmt: skip
    assert not loaded & {"ast", "numpy", "torch"}


def test_mypy_knows_the_type_of_every_name(tmp_path):
    """What other packages have no types for is left out: so it takes seconds."""
    settings, file = tmp_path / "mypy.ini", tmp_path / "names.py"
    skipped = "".join(
        f"[mypy-{name}.*]\nfollow_imports = skip\nignore_missing_imports = True\n"
        for name in UNTYPED.split()
    )
    settings.write_text(
        f"[mypy]\nmypy_path = {SOURCE.parent}\nfollow_imports = silent\nignore_missing_imports = True\n"
        f"cache_dir = {tmp_path / 'cache'}\n{skipped}"
    )
    asked = [(package, name) for package in PACKAGES for name in declared(package)]
    lines = [f"import {package}" for package in PACKAGES]
    lines += [f"reveal_type({package}.{name})" for package, name in asked]
    file.write_text("\n".join([*lines, "reveal_type(whyalike.nothing)"]) + "\n")
    said, errors, code = api.run(["--config-file", str(settings), str(file)])
    revealed = re.findall(r'names\.py:(\d+): note: Revealed type is "(.*)"', said)
    assert len(revealed) == len(asked) + 1, said + errors
    any_of = [asked[n] for n, (_, kind) in enumerate(revealed[:-1]) if kind == "Any"]
    assert any_of == []
    assert 'Module has no attribute "nothing"' in said
    assert code == 1
