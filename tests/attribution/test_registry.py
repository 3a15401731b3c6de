"""Methods by name."""

from typing import get_args

import pytest

from whyalike.errors import OptionError
from whyalike.methods import method as registry
from whyalike.methods.method import get_method, list_methods, register_method


@pytest.fixture
def clean_registry(monkeypatch):
    list_methods()
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))


def test_every_file_of_methods_is_found():
    names = [method.name for method in list_methods()]
    assert names[0] == "bti"
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
    with pytest.raises(OptionError, match=r"'mine' is registered already, by .*test_registry"):
        register_method("mine", **facts)(lambda *_: [])


def test_an_unknown_name_lists_the_known():
    with pytest.raises(OptionError, match=r"no method 'btj'; there are: .*, bti, "):
        get_method("btj")
