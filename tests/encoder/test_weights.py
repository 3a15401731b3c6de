"""Every number that a model computes with comes from its files, and no pickle is read unasked."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, BartConfig, BartModel

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError, UnsafeModelError
from whyalike.models.installed import MOVED, Dense, Pooling, Transformer

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def pipeline_folder(folder, tmp_path):
    """A pipeline with a Dense, whose transformer is in a folder below."""
    path = tmp_path / "pipeline"
    with torch.random.fork_rng():
        torch.manual_seed(4)
        modules = [Transformer(str(folder)), Pooling(32), Dense(32, 16)]
    SentenceTransformer(modules=modules, device="cpu").save(str(path))
    below = path / "0_Transformer"
    below.mkdir()
    for file in ("config.json", WHOLE, "sentence_bert_config.json"):
        (path / file).rename(below / file)
    for file in path.glob("tokenizer*"):
        file.rename(below / file.name)
    modules = json.loads((path / "modules.json").read_text())
    modules[0]["path"] = below.name
    (path / "modules.json").write_text(json.dumps(modules))
    return path


def score(model, **options):
    return Explainer(model, **options).explain(TEXTS[0], TEXTS[1]).similarity


def write(place, tensors, form):
    """Write the weights of a folder in another form, instead of those that are there."""
    (place / WHOLE).unlink()
    names = sorted(tensors)
    halves = [{n: tensors[n] for n in part} for part in (names[::2], names[1::2])]
    if form == "whole":
        save_file(tensors, place / WHOLE, metadata={"format": "pt"})
    elif form == "sharded":
        files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        for file, half in zip(files, halves, strict=True):
            save_file(half, place / file, metadata={"format": "pt"})
        placed = {n: file for file, half in zip(files, halves, strict=True) for n in half}
        (place / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    elif form == "pickled":
        torch.save(tensors, place / "pytorch_model.bin")
    else:
        files = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
        for file, half in zip(files, halves, strict=True):
            torch.save(half, place / file)
        placed = {n: file for file, half in zip(files, halves, strict=True) for n in half}
        index = {"metadata": {}, "weight_map": placed}
        (place / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def without(part):
    return lambda tensors: {name: t for name, t in tensors.items() if part not in name}


DAMAGES = {
    "nothing": lambda tensors: {},
    "odd names": lambda tensors: {"weight": torch.zeros(1), "bias": torch.zeros(1)},
    "no layer": without("layer.2."),
    "no bias": without("layer.1.attention.self.query.bias"),
    "another prefix": lambda tensors: {f"net.{name}": t for name, t in tensors.items()},
}
FORMS = ("whole", "sharded", "pickled", "pickled in shards")


@pytest.mark.parametrize("place", ["bare", "pipeline"])
@pytest.mark.parametrize("form", FORMS)
def test_weights_that_lack_something_are_refused(folder, pipeline_folder, form, place):
    model = folder if place == "bare" else pipeline_folder
    where = folder if place == "bare" else pipeline_folder / "0_Transformer"
    expected = score(model)
    tensors = load_file(where / WHOLE)
    spare = where.with_name("spare")
    shutil.copytree(where, spare)
    write(where, tensors, form)
    assert score(model, allow_pickle="pickled" in form) == pytest.approx(expected, abs=1e-6)
    for damage in DAMAGES.values():
        shutil.rmtree(where)
        shutil.copytree(spare, where)
        write(where, damage(tensors), form)
        with pytest.raises(ModelError, match=r"lack \d+ tensor|damaged or incomplete"):
            Explainer(model, allow_pickle="pickled" in form)


def test_more_layers_in_the_configuration_than_in_the_weights(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 5}))
    with raises(ModelError, "32", "tensors"):
        Explainer(folder)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("kept", [(), ("linear.weight",)])
def test_a_dense_that_lacks_something(pipeline_folder, pickled, kept):
    file = pipeline_folder / "2_Dense" / WHOLE
    tensors = {name: tensor for name, tensor in load_file(file).items() if name in kept}
    file.unlink()
    if pickled:
        torch.save(tensors, file.with_name("pytorch_model.bin"))
    else:
        save_file(tensors, file)
    with pytest.raises(ModelError, match="damaged or incomplete"):
        Explainer(pipeline_folder, allow_pickle=pickled)


@pytest.mark.parametrize("place", ["bare", "pipeline"])
def test_a_pooler_that_is_not_used_may_be_absent(folder, pipeline_folder, place):
    model = folder if place == "bare" else pipeline_folder
    where = folder if place == "bare" else pipeline_folder / "0_Transformer"
    expected = score(model)
    tensors = load_file(where / WHOLE)
    assert any("pooler" in name for name in tensors)
    write(where, without("pooler")(tensors), "whole")
    assert score(model) == pytest.approx(expected, abs=1e-6)


@pytest.mark.skipif(not MOVED, reason="no module reads a pooler before sentence-transformers 5.4")
def test_a_pooler_that_is_used_may_not_be_absent(folder, tmp_path):
    way = {"text": {"method": "forward", "method_output_name": "pooler_output"}}
    first = Transformer(str(folder), modality_config=way, module_output_name="sentence_embedding")
    path = tmp_path / "pooled"
    SentenceTransformer(modules=[first], device="cpu").save(str(path))
    assert score(path)
    write(path, without("pooler")(load_file(path / WHOLE)), "whole")
    with raises(ModelError, "2", "tensors", "pooler"):
        Explainer(path)


def test_a_decoder_that_is_not_used_may_be_absent(tmp_path):
    tokenizer = tiny("roberta").tokenizer
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=160,
        pad_token_id=1,
    )
    BartModel(config).eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    expected = score(tmp_path)
    tensors = load_file(tmp_path / WHOLE)
    write(tmp_path, without("decoder.layers")(tensors), "whole")
    assert score(tmp_path) == pytest.approx(expected, abs=1e-6)
    write(tmp_path, without("encoder.layers.1")(tensors), "whole")
    with raises(ModelError, "16", "tensors"):
        Explainer(tmp_path)


def test_pickled_weights_only_if_allowed(folder):
    expected = score(folder)
    write(folder, load_file(folder / WHOLE), "pickled")
    with pytest.raises(UnsafeModelError, match="allow_pickle=True"):
        Explainer(folder)
    assert score(folder, allow_pickle=True) == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def unread(monkeypatch):
    """Fails if anything is unpickled."""

    def read(*arguments, **options):
        pytest.fail(f"unpickled: {arguments}")

    monkeypatch.setattr(torch, "load", read)


@pytest.mark.parametrize(
    "decoy", ["model_x.safetensors", "model-00001-of-00002.safetensors", INDEX]
)
def test_a_decoy_does_not_excuse_the_pickle_that_would_be_read(pipeline_folder, decoy, unread):
    dense = pipeline_folder / "2_Dense"
    (dense / "pytorch_model.bin").write_bytes(b"")
    assert score(pipeline_folder), "beside the file that is read it does no harm"
    (dense / WHOLE).rename(dense / decoy)
    (dense / "config.json").write_text(
        json.dumps(json.loads((dense / "config.json").read_text()) | {"model_type": "bert"})
    )
    with pytest.raises(UnsafeModelError, match=r"pickled \(pytorch_model\.bin\)"):
        Explainer(pipeline_folder)


def test_pickles_that_a_description_names(folder, unread):
    tensors = load_file(folder / WHOLE)
    config = json.loads((folder / "config.json").read_text())
    (folder / "adapter_model.bin").write_bytes(b"")
    (folder / "config.json").write_text(
        json.dumps({**config, "transformers_weights": "adapter_model.bin"})
    )
    with pytest.raises(UnsafeModelError, match=r"pickled \(adapter_model\.bin\)"):
        Explainer(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / WHOLE).unlink()
    (folder / "a.bin").write_bytes(b"")
    (folder / INDEX).write_text(
        json.dumps({"metadata": {}, "weight_map": dict.fromkeys(tensors, "a.bin")})
    )
    with pytest.raises(UnsafeModelError, match=r"pickled \(a\.bin\)"):
        Explainer(folder)


def test_the_pickle_of_a_pipelines_adapter(pipeline_folder, unread):
    below = pipeline_folder / "0_Transformer"
    (below / "adapter_config.json").write_text("{}")
    (below / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(UnsafeModelError, match=r"pickled \(adapter_model\.bin\)"):
        Explainer(pipeline_folder)


def test_a_pickle_that_nothing_reads_does_no_harm(folder, pipeline_folder, unread):
    for place in (folder, pipeline_folder):
        (place / "checkpoint-500").mkdir()
        (place / "checkpoint-500" / "pytorch_model.bin").write_bytes(b"")
        (place / "training_args.bin").write_bytes(b"")
        assert score(place)


def test_code_of_a_model_may_load_it_in_its_own_way(folder, monkeypatch):
    """It is trusted, and may not report what was missing."""
    load = AutoModel.from_pretrained

    def load_alone(*arguments, **options):
        return load(*arguments, **options)[0]

    expected = score(folder)
    monkeypatch.setattr(AutoModel, "from_pretrained", load_alone)
    assert score(folder, trust_remote_code=True) == pytest.approx(expected, abs=1e-6)
