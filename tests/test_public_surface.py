"""The public names are a list, importing them is light, and nothing happens at import."""

import inspect
import subprocess
import sys
from dataclasses import fields

import pytest

import whyalike
from raising import raises
from whyalike import BTIOptions, Explainer, Explanation, errors

PUBLIC = [
    "BM25",
    "BTIOptions",
    "BlackBox",
    "Catalogue",
    "CatalogueIndex",
    "Comparison",
    "Differences",
    "ExplainedText",
    "Explainer",
    "Explanation",
    "Fusion",
    "Highlights",
    "Hit",
    "Item",
    "Lexicon",
    "PairScorer",
    "Ranking",
    "Retry",
    "ScorePart",
    "Stage",
    "Thesaurus",
    "Trace",
    "WhyalikeError",
    "Word",
    "WordPair",
    "WordVectors",
    "__version__",
    "explain_file",
]
HEAVY = ("torch", "transformers", "sentence_transformers", "numpy", "matplotlib", "sklearn", "rich")


def loaded_after(code):
    names = f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    command = [sys.executable, "-c", f"import sys; {code}; {names}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_exported_names():
    assert whyalike.__all__ == PUBLIC
    assert dir(whyalike) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(whyalike, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        whyalike.Nothing  # noqa: B018


def test_importing_whyalike_loads_nothing_heavy():
    assert loaded_after("import whyalike") == []


def test_an_explanation_is_read_without_torch():
    assert "torch" not in loaded_after("from whyalike import Explanation, BTIOptions, Word")


def test_help_loads_no_torch():
    assert not {"torch", "numpy"} & set(loaded_after("import whyalike.cli"))


def test_rendering_loads_no_torch_and_no_matplotlib():
    loaded = loaded_after("from whyalike.render import render_html, render_text")
    assert not {"torch", "matplotlib"} & set(loaded)


def test_importing_registers_no_method():
    code = "from whyalike.methods.method import METHODS; assert not METHODS._entries"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_are_keyword_only():
    for call in (Explainer.__init__, BTIOptions.__init__):
        parameters = list(inspect.signature(call).parameters.values())[2:]
        assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters), call


def test_the_methods_of_an_explanation():
    declared = {one.name for one in fields(Explanation)}
    public = {name for name in dir(Explanation) if not name.startswith("_")} - declared
    assert public == {
        "from_dict", "from_json", "matrix", "to_dict", "to_html", "to_json", "to_markdown", "to_png",
        "to_svg", "verdict",
    }  # fmt: skip
    assert hasattr(Explanation, "_repr_html_")


def test_one_exception_tree():
    own = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert all(issubclass(error, errors.WhyalikeError) for error in own)


def test_options_are_checked_where_they_are_made():
    with pytest.raises(errors.OptionError, match="'text', 'pretoken', 'token'"):
        BTIOptions(words="phrase")
    for name, values in {
        "top_k": (0, 1.5, "2", True),
        "quantile": (0.0, 1.5, "0.3"),
        "bandwidth": (-1.0, float("nan"), float("inf"), "1"),
        "latent_layer": (1.0, None),
        "union": (1, None),
    }.items():
        for value in values:
            with raises(errors.OptionError, name, value, "give"):
                BTIOptions(**{name: value})
