"""Models that are not there, damaged, unsafe or of the wrong kind: one sentence that helps."""

import json
import shutil
import warnings

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RepositoryNotFoundError
from sentence_transformers import SentenceTransformer

from other_modules import CNN
from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import ModelError, ModelNotFoundError, OptionError, UnsafeModelError
from whyalike.models import locating
from whyalike.models.installed import Pooling, StaticEmbedding, Transformer
from whyalike.models.loading import load
from whyalike.models.locating import PACKAGED, find_model


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    tiny("bert").model.save_pretrained(path)
    tiny("bert").tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def pipeline_folder(folder, tmp_path):
    path = tmp_path / "pipeline"
    modules = [Transformer(str(folder)), Pooling(32)]
    SentenceTransformer(modules=modules, device="cpu").save(str(path))
    return path


def test_a_folder_with_a_bare_encoder(folder):
    explanation = Explainer(folder).explain(TEXTS[0], TEXTS[1])
    assert explanation == Explainer(str(folder)).explain(TEXTS[0], TEXTS[1])
    assert explanation.pooling == "paper"
    assert explanation.similarity == pytest.approx(
        Explainer(tiny("bert").parts).explain(TEXTS[0], TEXTS[1]).similarity, abs=1e-6
    )


def test_a_folder_with_a_pipeline(pipeline_folder):
    explanation = Explainer(pipeline_folder).explain(TEXTS[0], TEXTS[1])
    assert explanation.pooling == "model"
    assert explanation.model == str(pipeline_folder)


@pytest.mark.parametrize("name", ["no/such/folder/../x", "./nowhere", "/nowhere", "~/nowhere"])
def test_a_path_that_is_not_there(name):
    with pytest.raises(ModelNotFoundError) as caught:
        find_model(name if name.startswith((".", "/", "~")) else f"./{name}")
    assert "is not a folder with a model" in str(caught.value)


def test_a_folder_without_a_model(tmp_path):
    with raises(ModelError, "config.json", "modules.json"):
        Explainer(str(tmp_path))


def test_a_name_that_nobody_knows_offline(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with raises(ModelNotFoundError, "hub", "reached") as caught:
        Explainer("whyalike-tests/there-is-no-such-model")
    assert "Check the name" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_the_hub_does_not_know(monkeypatch):
    asked = []

    def unknown(repository, **_):
        asked.append(repository)
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr("huggingface_hub.snapshot_download", unknown)
    with raises(ModelNotFoundError, "hub"):
        Explainer("there-is-no-such-model")
    assert asked == ["sentence-transformers/there-is-no-such-model", "there-is-no-such-model"]


def test_a_name_that_cannot_be_one():
    with raises(ModelNotFoundError, "'not a name!!'"):
        Explainer("not a name!!")


def test_a_download_is_used_and_asks_for_no_pickles(monkeypatch, folder):
    asked = {}

    def snapshot(repository, **options):
        asked.update(options, repository=repository)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert Explainer("someone/model").explain("a", "b").model == "someone/model"
    assert "*.bin" not in asked["allow_patterns"]
    find_model("someone/model", allow_pickle=True)
    assert "*.bin" in asked["allow_patterns"]


def test_the_cache_comes_before_the_package_and_the_hub(monkeypatch, folder, tmp_path):
    snapshot = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "abc"
    shutil.copytree(folder, snapshot)
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    found = find_model("all-MiniLM-L6-v2")
    assert (found.place, found.folder) == ("cache", snapshot)
    (snapshot / "config.json").rename(snapshot / "modules.json")
    assert find_offline_place("all-MiniLM-L6-v2") == "cache", "a pipeline may have no config.json"
    (snapshot / "model.safetensors").unlink()
    assert find_offline_place("all-MiniLM-L6-v2") != "cache", (
        "a snapshot without weights is no model"
    )


def find_offline_place(name):
    found = locating.find_offline(name)
    return found.place if found else None


@pytest.mark.weights
def test_the_packaged_model_by_both_its_names():
    for name in (*PACKAGED, *(f"sentence-transformers/{name}" for name in PACKAGED)):
        assert find_model(name).place == "package"


def test_no_tokenizer(folder):
    for file in folder.glob("*token*"):
        file.unlink()
    with raises(ModelError, "tokenizer"):
        Explainer(folder)
    with raises(ModelError, "tokenizer"):
        Explainer((tiny("bert").model, None))


def test_a_slow_tokenizer():
    from transformers import PreTrainedTokenizer

    class Slow(PreTrainedTokenizer):
        def get_vocab(self):
            return {}

        def _tokenize(self, text):
            return text.split()

        vocab_size = 0

    with raises(ModelError, "slow", "character offsets"):
        Explainer((tiny("bert").model, Slow()))


def test_nan_weights():
    model, tokenizer = tiny("bert").parts
    import copy

    broken = copy.deepcopy(model)
    broken.encoder.layer[1].output.dense.weight.data[0, 0] = float("nan")
    with raises(ModelError, "NaN", "infinity"):
        Explainer((broken, tokenizer)).explain(TEXTS[0], TEXTS[1])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"{}"),
        ("model.safetensors", b"\x08\x00"),
        ("model.safetensors", b""),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"nonsense"),
    ],
)
def test_a_damaged_folder(folder, file, content):
    (folder / file).write_bytes(content)
    with raises(ModelError, "loaded") as caught:
        Explainer(folder)
    assert "damaged or incomplete" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cut_off_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged or incomplete"):
        Explainer(folder)


def test_weights_of_another_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 48}))
    with pytest.raises(ModelError, match="damaged or incomplete"):
        Explainer(folder)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_from_a_folder(tmp_path, name):
    tiny(name).model.save_pretrained(tmp_path)
    tiny(name).tokenizer.save_pretrained(tmp_path)
    explanation = Explainer(tmp_path, pooling=tiny(name).pooling).explain(TEXTS[0], TEXTS[1])
    direct = Explainer(tiny(name).parts, pooling=tiny(name).pooling).explain(TEXTS[0], TEXTS[1])
    assert explanation.similarity == pytest.approx(direct.similarity, abs=1e-5)


def test_a_whole_t5_gives_its_encoder(tmp_path):
    from transformers import T5Model

    config = tiny("t5").model.config.to_diff_dict() | {"is_encoder_decoder": True}
    whole = T5Model(tiny("t5").model.config.__class__(**config)).eval()
    whole.save_pretrained(tmp_path)
    tiny("t5").tokenizer.save_pretrained(tmp_path)
    explanation = Explainer(tmp_path).explain(TEXTS[0], TEXTS[1])
    direct = Explainer((whole, tiny("t5").tokenizer)).explain(TEXTS[0], TEXTS[1])
    assert explanation.similarity == pytest.approx(direct.similarity, abs=1e-5)


@pytest.mark.parametrize("device", ["cuda", "quantum"])
def test_a_device_that_is_not_here(device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with raises(OptionError, "device", repr(device)):
        Explainer("all-MiniLM-L6-v2", device=device)


def test_the_hub_has_pickles_only(monkeypatch, folder):
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(folder))
    with raises(UnsafeModelError, "safetensors", "someone/model"):
        Explainer("someone/model")


def test_trusted_code_that_fails_is_not_asked_to_be_trusted_again(pipeline_folder):
    modules = json.loads((pipeline_folder / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "2_Own", "type": "own_code.Own"})
    (pipeline_folder / "modules.json").write_text(json.dumps(modules))
    (pipeline_folder / "2_Own").mkdir()
    (pipeline_folder / "own_code.py").write_text("raise ValueError('this code fails')")
    with raises(ModelError, "code"):
        Explainer(pipeline_folder, trust_remote_code=True)


def test_code_that_comes_with_a_model(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "unheard-of",
        "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(UnsafeModelError, match="trust_remote_code=True"):
        Explainer(folder)


def test_code_of_a_pipelines_module(pipeline_folder):
    modules = json.loads((pipeline_folder / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "2_Own", "type": "code.Own"})
    (pipeline_folder / "modules.json").write_text(json.dumps(modules))
    (pipeline_folder / "2_Own").mkdir()
    with pytest.raises(UnsafeModelError, match="trust_remote_code=True"):
        Explainer(pipeline_folder)


def test_a_pipeline_without_a_transformer():
    static = StaticEmbedding(tiny("bert").tokenizer.backend_tokenizer, embedding_dim=8)
    with raises(ModelError, "transformer"):
        Explainer(SentenceTransformer(modules=[static, CNN(8, 8)], device="cpu"))


@pytest.mark.parametrize("model", [None, 3, ("a", "b"), (tiny("bert").model,), object()])
def test_what_is_no_model(model):
    with pytest.raises(ModelError, match="Give"):
        load(model)


def test_half_precision_still_explains():
    import copy

    model = copy.deepcopy(tiny("bert").model).to(torch.bfloat16)
    explanation = Explainer((model, tiny("bert").tokenizer)).explain(TEXTS[0], TEXTS[1])
    exact = Explainer(tiny("bert").parts).explain(TEXTS[0], TEXTS[1])
    assert explanation.similarity == pytest.approx(exact.similarity, abs=0.02)


def test_a_tokenizer_of_another_model():
    with raises(ModelError, "belong together"):
        Explainer((tiny("bert").model, tiny("qwen3").tokenizer)).explain("\u4e00" * 3, TEXTS[0])


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
        ),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("not enough memory: you tried to allocate 17179869184 bytes."),
    ],
)
def test_no_memory_is_not_damage(folder, pipeline_folder, monkeypatch, error):
    def load_it(*_, **__):
        raise error

    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", load_it)
    for place in (folder, pipeline_folder):
        with raises(ModelError, "memory") as caught:
            Explainer(place)
        assert "damaged" not in str(caught.value)


def test_a_package_that_is_not_here_is_not_damage(folder, monkeypatch):
    def load_it(*_, **__):
        raise ImportError("Loading a PEFT model requires installing the `peft` package.")

    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", load_it)
    with raises(ModelError, "package", "peft"):
        Explainer(folder)


@pytest.mark.parametrize(
    "name", ["x" * 5000, "owner/" + "x" * 5000, "./" + "x" * 5000, "~nobody-of-that-name/model"]
)
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(ModelNotFoundError, match="There can be no model") as caught:
        Explainer(name)
    assert len(str(caught.value)) < 400


def test_quantised_embeddings(pipeline_folder):
    model = SentenceTransformer(str(pipeline_folder), device="cpu")
    table = model.transformers_model.get_input_embeddings()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves all this to a package of its own.
        from torch.ao import quantization
        from torch.ao.nn.quantized import Embedding

        table.qconfig = quantization.float_qparams_weight_only_qconfig
        model.transformers_model.set_input_embeddings(Embedding.from_float(table))
    with pytest.raises(ModelError, match=r"are quantised.*Explainer\(embed=model\.encode\)"):
        Explainer(model)
    own = model.similarity(*(model.encode([text]) for text in TEXTS[:2]))
    explanation = Explainer(embed=model.encode).explain(TEXTS[0], TEXTS[1])
    assert explanation.similarity == pytest.approx(float(own), abs=1e-6)
