"""What differs between versions of sentence-transformers is asked of one module."""

import ast
import json
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM

from raising import raises
from tiny_models import tiny, tiny_reranker
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError
from whyalike.models import installed
from whyalike.models.installed import MOVED, Pooling, Transformer, needs
from whyalike.models.joint import is_chat_reranker
from whyalike.models.tokens import tokenize

ROOT = Path(installed.__file__).parents[1]
TESTS = Path(__file__).parents[1]


LATER = {"MultiVectorEncoder"}


def imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            # The package itself has it from 6.0 on.
            yield from (f"{node.module}.{n.name}" for n in node.names if n.name in LATER)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_no_other_file_imports_from_below_the_package():
    files = {*ROOT.rglob("*.py"), *TESTS.rglob("*.py")}
    found = {
        file.name
        for file in files
        if any(name.startswith("sentence_transformers.") for name in imported(file))
    }
    assert found == {"installed.py"}


@pytest.fixture
def folder(tmp_path):
    model, tokenizer = tiny("roberta").parts
    model.save_pretrained(tmp_path / "bare")
    tokenizer.save_pretrained(tmp_path / "bare")
    return tmp_path / "bare"


@pytest.mark.parametrize("prompt", ["", "  find gloves: ", " "])
def test_the_score_is_the_models_whatever_white_space_there_is(folder, prompt):
    model = SentenceTransformer(
        modules=[Transformer(str(folder)), Pooling(32)], device="cpu", prompts={"own": prompt}
    )
    texts = "  keep hands warm ", "wool gloves\n"
    for pooling in ("model", "paper"):
        explanation = Explainer(model, pooling=pooling, prompts=(prompt, prompt)).explain(*texts)
        for side, text in zip((explanation.left, explanation.right), texts, strict=True):
            assert [word.text for word in side.words] == text.split()
            assert [text[w.start : w.end] for w in side.words] == text.split()
        if pooling == "model":
            vectors = model.encode(list(texts), prompt_name="own")
            assert explanation.similarity == pytest.approx(
                float(model.similarity(vectors[:1], vectors[1:])), abs=1e-5
            )


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
@pytest.mark.parametrize("prompt", ["", " find: ", "\t"])
def test_what_is_stripped_moves_no_offset(prompt, long_text):
    tokenizer = tiny("roberta").tokenizer
    text = "   keep hands warm with wool   "
    (found,) = tokenize(
        [text], tokenizer=tokenizer, limit=14, prompt=prompt, long_text=long_text, strip=True
    )
    ids = tokenizer((prompt + text).strip())["input_ids"]
    assert found.rows[0].input_ids[:-1] == tuple(ids[: len(found.rows[0].input_ids) - 1])
    for row in found.rows:
        for position, token in zip(row.positions, row.tokens, strict=True):
            start, end = found.offsets[token]
            said = tokenizer.decode([row.input_ids[position]])
            assert said.strip() == text[start:end].strip()


def test_a_pair_may_be_cut_where_texts_are_stripped(folder):
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32)], device="cpu")
    texts = "  " + "wool " * 60, " keep "
    explanation = Explainer(model, options=BTIOptions(long_text="windows")).explain(*texts)
    assert len(explanation.left.words) == 60


def test_a_folder_of_a_later_version_is_refused_with_both_versions(folder, tmp_path):
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32)], device="cpu")
    place = tmp_path / "later"
    model.save_pretrained(str(place))
    modules = json.loads((place / "modules.json").read_text())
    modules[1]["type"] = "sentence_transformers.later.modules.Pooling"
    (place / "modules.json").write_text(json.dumps(modules))
    settings = json.loads((place / "config_sentence_transformers.json").read_text())
    settings["__version__"]["sentence_transformers"] = "99.1"
    (place / "config_sentence_transformers.json").write_text(json.dumps(settings))
    with raises(ModelError, "99.1", installed.VERSION, "upgrade"):
        Explainer(place)


def test_a_kind_that_this_version_lacks_is_refused(folder, monkeypatch):
    if installed.LATE_INTERACTION:
        pytest.skip("this version has it")
    (folder / "config_sentence_transformers.json").write_text(
        '{"model_type": "MultiVectorEncoder"}'
    )
    (folder / "modules.json").write_text("[]")
    with raises(ModelError, "needs sentence-transformers 6", installed.VERSION):
        Explainer(folder)


@pytest.mark.skipif(MOVED, reason="this version has them")
def test_a_reranker_of_a_language_model_is_refused(tmp_path):
    tiny("qwen3").tokenizer.save_pretrained(tmp_path)
    AutoModelForCausalLM.from_config(tiny("qwen3").model.config).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with raises(ModelError, "language model", "needs sentence-transformers 5.4"):
        Explainer(tmp_path)
    with raises(ModelError, "prompt", "needs sentence-transformers 5.4"):
        installed.preprocess_pairs(None, [("a", "b")], prompt="find ")


def test_a_template_counts_only_where_the_version_would_use_it(tmp_path):
    """As the score of the installed version is what is explained."""
    model, tokenizer = tiny_reranker("bert").parts
    tokenizer = deepcopy(tokenizer)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} {% endfor %}"
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert is_chat_reranker(tmp_path) is MOVED


def test_what_a_kind_needs_is_said():
    assert needs("6.0") == (
        f"needs sentence-transformers 6 or later, and {installed.VERSION} is installed: upgrade it "
        "(pip install 'sentence-transformers>=6.0')"
    )


def test_only_versions_before_5_4_strip_texts(folder):
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32)], device="cpu")
    assert installed.strips_texts(model) is not MOVED
    assert not installed.strips_texts(None)


JOINED = ("pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_tokens")


@pytest.mark.parametrize("modes", [("cls",), ("mean",), ("lasttoken",), ("cls", "max", "mean")])
def test_how_a_module_pools(modes):
    if MOVED:
        pooling = Pooling(4, pooling_mode=modes)
    elif len(modes) == 1:
        pooling = Pooling(4, pooling_mode=modes[0])
    else:
        pooling = Pooling(4, **dict.fromkeys(JOINED, True))
    assert installed.pooling_modes(pooling) == modes
    assert installed.width_of(pooling) == 4 * len(modes)
    # Each third of the joined vector is what its mode alone gives.
    states = torch.arange(24, dtype=torch.float32).reshape(1, 6, 4).sin()
    given = {"token_embeddings": states, "attention_mask": torch.ones(1, 6, dtype=torch.long)}
    joined = pooling(dict(given))["sentence_embedding"]
    alone = [Pooling(4, pooling_mode=m)(dict(given))["sentence_embedding"] for m in modes]
    assert torch.equal(joined, torch.cat(alone, dim=1))
