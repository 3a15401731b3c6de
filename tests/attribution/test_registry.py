"""Methods by name."""

import sys
from typing import get_args

import pytest

from raising import raises
from whyalike.errors import OptionError
from whyalike.methods import method as registry
from whyalike.methods.method import get_method, list_methods, register_method


@pytest.fixture
def clean_registry(monkeypatch):
    list_methods()
    monkeypatch.setattr(registry.METHODS, "_entries", dict(registry.METHODS._entries))
    monkeypatch.setattr(registry.METHODS, "_makers", dict(registry.METHODS._makers))


def test_every_file_of_methods_is_found():
    names = [method.name for method in list_methods()]
    assert names[:2] == ["whyalike", "bti"]
    assert {"bti_last_layer", "bti_activations", "bti_gradients", "vanilla_gradients"} <= set(names)
    for method in list_methods():
        assert method.summary
        assert method.source
        assert method.forwards
        assert method.backwards
        assert set(method.promises) <= set(get_args(registry.Promise))


def test_a_duplicate_name_raises(clean_registry):
    def mine(setting, pairs):
        return []

    facts = {"summary": "s", "source": "s", "forwards": "0", "backwards": "0"}
    facts["passes"] = lambda size, options: 1.0
    assert register_method("mine", **facts)(mine) is mine
    assert get_method("mine").attribute is mine
    with raises(OptionError, "'mine'", "registered", "test_registry"):
        register_method("mine", **facts)(lambda *_: [])


def test_an_unknown_name_lists_the_known():
    with raises(OptionError, "'btj'", "bti"):
        get_method("btj")


def test_a_file_may_ask_for_what_is_there_while_it_is_loaded(tmp_path, monkeypatch):
    package = tmp_path / "asking_package"
    package.mkdir()
    (package / "__init__.py").write_text("from whyalike.registry import Registry\n"
        "THINGS = Registry('thing', package='asking_package')\n")  # fmt: skip
    (package / "one.py").write_text("from asking_package import THINGS\n"
        "THINGS.add('one', 1, maker=__name__)\nSEEN = THINGS.all()\n")  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    import asking_package  # type: ignore[import-not-found]

    assert asking_package.THINGS.get("one") == 1
    assert sys.modules["asking_package.one"].SEEN == {"one": 1}


def test_a_file_that_failed_is_loaded_again_and_registers_anew(tmp_path, monkeypatch):
    package = tmp_path / "failing_package"
    package.mkdir()
    (package / "__init__.py").write_text("from whyalike.registry import Registry\nREADY = []\n"
        "THINGS = Registry('thing', package='failing_package')\n")  # fmt: skip
    (package / "one.py").write_text("from failing_package import READY, THINGS\n"
        "THINGS.add('one', 1, maker=__name__)\nassert READY, 'not yet'\n")  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    import failing_package  # type: ignore[import-not-found]

    with pytest.raises(AssertionError, match="not yet"):
        failing_package.THINGS.all()
    failing_package.READY.append(True)
    assert failing_package.THINGS.all() == {"one": 1}
