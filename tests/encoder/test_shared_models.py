"""What is done to explain a model is seen by nobody else who uses it, and nothing of it is left."""

import copy
import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BlackBox, BTIOptions, Explainer
from whyalike.errors import ModelError
from whyalike.interruption import checked_by
from whyalike.models.installed import MOVED, Normalize, Pooling, Transformer
from whyalike.models.replica import own_tokenizer

PAIR = TEXTS[:2]
METHODS = (
    "bti", "whyalike", "token_similarity", "integrated_gradients", "bilrp",
    "integrated_jacobians", "occlusion", "shapley", "maxsim",
)  # fmt: skip
FEW = BTIOptions(ig_steps=3, permutations=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tiny-bert")
    tiny("bert").model.save_pretrained(made)
    tiny("bert").tokenizer.save_pretrained(made)
    return made


@pytest.fixture
def model(folder):
    """Loaded anew for each test, which may change it."""
    return SentenceTransformer(
        modules=[Transformer(str(folder)), Pooling(32), Normalize()], device="cpu"
    )


def in_each_pass(model, do):
    """Have ``do`` called in the middle of every pass that this thread makes."""
    here, inside = threading.get_ident(), []

    def hook(*_):
        if threading.get_ident() == here and not inside:
            inside.append(True)
            try:
                do()
            finally:
                inside.clear()

    model[0].auto_model.encoder.layer[1].register_forward_hook(hook)


def state_of(model):
    """All that explaining could change of a model and of this process."""
    assert model.similarity_fn_name == "cosine"  # It is found, and kept, when it is first read.
    body = model[0].auto_model
    return (
        [(type(m), m.training, sorted(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks))
         for m in model.modules()],
        [(id(p), p.requires_grad, p.data_ptr()) for p in model.parameters()],
        body.forward == type(body).forward.__get__(body),
        str(model.tokenizer.backend_tokenizer.padding),
        str(model.tokenizer.backend_tokenizer.truncation),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("training", [False, True])
def test_nothing_of_a_model_changes_while_it_is_explained(model, method, training):
    model.train(training)
    seen = []
    in_each_pass(model, lambda: seen.append(state_of(model)))
    before = state_of(model)
    Explainer(model, method=method, options=FEW).explain(*PAIR)
    assert seen
    assert all(state == before for state in seen)
    assert state_of(model) == before


@pytest.mark.parametrize("method", METHODS)
def test_another_thread_encodes_in_the_middle_of_a_pass(model, method):
    texts = [*TEXTS, "gloves " * 300]
    explainer = Explainer(model, method=method, options=FEW)
    right, expected = model.encode(texts), explainer.explain(*PAIR)
    found = []

    def encode():
        thread = threading.Thread(target=lambda: found.append(model.encode(texts)))
        thread.start()
        thread.join()

    in_each_pass(model, encode)
    explained = explainer.explain(*PAIR)
    assert found
    for vectors in found:
        np.testing.assert_array_equal(vectors, right)
    assert explained == expected


@pytest.mark.parametrize("method", METHODS)
def test_no_lock_is_held_between_passes(model, method):
    """A check that waits until another thread has used the same Explainer does not wait for ever."""
    explainer = Explainer(model, method=method, options=FEW)
    expected, found = explainer.explain(*PAIR), []

    def another_thread():
        thread = threading.Thread(
            target=lambda: found.append(explainer.explain(*PAIR)), daemon=True
        )
        thread.start()
        thread.join(timeout=120)
        assert not thread.is_alive()

    with checked_by(another_thread):
        assert explainer.explain(*PAIR) == expected
    assert found
    assert all(explanation == expected for explanation in found)


def test_no_lock_is_held_between_calls_of_a_function():
    box = BlackBox(lambda texts: [[len(t), t.count("e"), 1] for t in texts], batch_size=2)
    explainer, found = Explainer(embed=box), []

    def another_thread():
        thread = threading.Thread(
            target=lambda: found.append(explainer.explain(*PAIR)), daemon=True
        )
        thread.start()
        thread.join(timeout=120)
        assert not thread.is_alive()

    with checked_by(another_thread):
        explained = explainer.explain(*PAIR)
    assert found
    assert all(explanation == explained for explanation in found)


def test_what_a_check_raises_comes_through_every_method(model):
    class StoppedError(Exception):
        pass

    for method in METHODS:
        calls = []

        def stop(calls=calls):
            calls.append(1)
            raise StoppedError

        with checked_by(stop), pytest.raises(StoppedError):
            Explainer(model, method=method, options=FEW).explain(*PAIR)
        assert calls == [1]


@pytest.mark.parametrize("method", ["bti", "whyalike", "occlusion", "token_similarity"])
def test_threads_share_an_explainer(model, method):
    explainer = Explainer(model, method=method, options=BTIOptions(long_text="windows"))
    # Short ones before and after each long one, which takes several windows and most of the time.
    short = [PAIR, (TEXTS[2], TEXTS[3])]
    pairs = [("gloves wool warm " * 60, TEXTS[1]), *short, *short]
    expected, wrong = [explainer.explain(*pair) for pair in pairs], []

    def work(first):
        for n in range(first, first + 12):
            try:
                if explainer.explain(*pairs[n % 5]) != expected[n % 5]:
                    wrong.append(n)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_with_models_of_their_own_share_forward_mode_derivatives():
    tinies = [tiny(name) for name in ("bert", "roberta")]
    explainers = [Explainer((one.model, one.tokenizer), method="bilrp") for one in tinies]
    expected = [explainer.explain(*PAIR) for explainer in explainers]
    found = [[], []]

    def work(n):
        found[n] = [explainers[n].explain(*PAIR) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[one] * 10 for one in expected]


def test_no_thread_waits_for_the_replica_while_it_has_the_tokenizer(model, monkeypatch):
    encoder = Explainer(model).model
    lock, free, find = own_tokenizer(encoder.tokenizer).lock, [], type(encoder)._model

    def replica(self):
        def take():
            free.append(lock.acquire(blocking=False))
            if free[-1]:
                lock.release()

        other = threading.Thread(target=take)
        other.start()
        other.join()
        return find(self)

    monkeypatch.setattr(type(encoder), "_model", replica)
    encoder.tokenize(list(PAIR))
    encoder.tokenize(["gloves wool warm " * 60], long_text="windows")
    assert free
    assert all(free)


def test_words_added_to_the_tokenizer_later_are_read_as_the_model_reads_them(model):
    explainer = Explainer(model)
    before = explainer.explain(*PAIR)
    added = PAIR[0].split()[0]
    assert model.tokenizer.add_tokens([added]) == 1
    torch.manual_seed(0)
    model[0].auto_model.resize_token_embeddings(len(model.tokenizer), mean_resizing=False)
    left, right = model.encode(list(PAIR))
    after = explainer.explain(*PAIR)
    assert after.similarity == pytest.approx(float(left @ right), abs=1e-6)
    assert after.similarity != pytest.approx(before.similarity, abs=1e-4)


def test_a_special_token_that_is_chosen_later_is_that_of_our_copy_too(model):
    tokenizer = model.tokenizer
    before = own_tokenizer(tokenizer)
    assert own_tokenizer(tokenizer) is before
    tokenizer.pad_token = tokenizer.mask_token
    after = own_tokenizer(tokenizer).tokenizer
    assert after.pad_token_id == tokenizer.mask_token_id != before.tokenizer.pad_token_id


@pytest.mark.parametrize("method", METHODS)
def test_a_model_and_its_explainer_are_pickled_afterwards(model, method):
    explainer = Explainer(model, method=method, options=FEW)
    expected = explainer.explain(*PAIR)
    pickle.dumps(model)
    assert pickle.loads(pickle.dumps(explainer)).explain(*PAIR) == expected
    assert copy.copy(explainer).explain(*PAIR) == expected
    assert copy.deepcopy(explainer).explain(*PAIR) == expected


@pytest.mark.parametrize("pooling", ["model", "paper"])
def test_a_copy_runs_the_same_model_and_a_deep_one_its_own(model, pooling):
    given = Explainer(model, pooling=pooling)
    expected = given.explain(*PAIR)
    hooks = {name: len(part._forward_hooks) for name, part in model.named_modules()}
    same, own = copy.copy(given.model), copy.deepcopy(given.model)
    assert same.pipeline is model
    assert same._lock is not given.model._lock
    assert not {id(p) for p in own.pipeline.parameters()} & {id(p) for p in model.parameters()}
    for scorer in (same, own):
        assert Explainer(scorer).explain(*PAIR) == expected
    assert hooks == {name: len(part._forward_hooks) for name, part in model.named_modules()}
    # New weights, as ``load_state_dict(assign=True)`` puts them into the place of others.
    word = model[0].auto_model.embeddings.word_embeddings
    word.weight = torch.nn.Parameter(word.weight.detach().flip(0).clone())
    other = given.explain(*PAIR)
    assert other != expected
    assert Explainer(same).explain(*PAIR) == other
    assert Explainer(own).explain(*PAIR) == expected


def lengths(texts):
    return [[len(t), t.count("e"), 1] for t in texts]


def test_an_explainer_of_a_function_is_pickled_with_its_answers():
    explainer = Explainer(embed=lengths)
    expected = explainer.explain(*PAIR)
    for other in (pickle.loads(pickle.dumps(explainer)), copy.deepcopy(explainer)):
        calls = other.model.calls
        assert other.explain(*PAIR) == expected
        assert other.model.calls == calls
        other.explain("new", "texts")
    assert explainer.model.calls == calls


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("embed", [False, True])
def test_a_process_forked_in_the_middle_of_a_pass_explains(model, embed):
    in_pass, forked = threading.Event(), threading.Event()

    def wait(*_):
        if threading.current_thread() is not threading.main_thread():
            in_pass.set()
            forked.wait()

    if embed:
        explainer = Explainer(embed=lambda texts: (wait(), lengths(texts))[1])
        pair = TEXTS[2:]
    else:
        model[0].auto_model.encoder.layer[1].register_forward_hook(wait)
        explainer, pair = Explainer(model), PAIR
    explainer.explain("warm", "gloves")
    thread = threading.Thread(target=explainer.explain, args=pair)
    thread.start()
    in_pass.wait()
    child = os.fork()
    if not child:
        code = 1
        try:
            explainer.explain(*pair)
            code = 0
        finally:
            os._exit(code)
    forked.set()
    thread.join()
    assert _exit_code(child) == 0


def _exit_code(child):
    for _ in range(1200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "it hung"


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_pass_leaves_nothing_behind(model, method):
    explainer = Explainer(model, method=method, options=FEW)
    expected, before = explainer.explain(*PAIR), state_of(model)
    when = [True]

    def interrupt():
        if when.pop():
            raise KeyboardInterrupt

    handle = model[0].auto_model.encoder.layer[1].register_forward_hook(lambda *_: interrupt())
    with pytest.raises(KeyboardInterrupt):
        explainer.explain(*PAIR)
    handle.remove()
    assert state_of(model) == before
    assert explainer.explain(*PAIR) == expected


def test_what_is_changed_in_a_model_is_seen(model, folder):
    explainer = Explainer(model)

    def follows():
        left, right = model.encode(list(PAIR), convert_to_tensor=True)
        score = float(model.similarity(left, right))
        assert explainer.explain(*PAIR).similarity == pytest.approx(score, abs=1e-5)
        return score

    seen = {follows()}
    # The one is read from sentence-transformers 5.4 on, the others before.
    model[1].pooling_mode = "cls"
    model[1].pooling_mode_cls_token, model[1].pooling_mode_mean_tokens = True, False
    seen.add(follows())
    body = model[0].auto_model
    with torch.no_grad():
        body.encoder.layer[0].output.dense.weight.mul_(1.5)
    seen.add(follows())
    body.encoder.layer[2] = copy.deepcopy(body.encoder.layer[0])
    seen.add(follows())
    body.load_state_dict({k: v * 0.9 for k, v in body.state_dict().items()})
    seen.add(follows())
    model.append(torch.nn.Identity())
    body.embeddings.word_embeddings.weight = torch.nn.Parameter(
        body.embeddings.word_embeddings.weight.detach().flip(0)
    )
    seen.add(follows())
    handle = body.encoder.layer[1].register_forward_hook(_doubling)
    seen.add(follows())
    handle.remove()
    forward = body.forward
    body.forward = lambda *given, **named: _doubled(forward(*given, **named))
    seen.add(follows())
    model.max_seq_length = 8
    seen.add(follows())
    model.double()
    follows()
    assert len(seen) == 9
    assert not list(folder.glob("*.pyc"))


def _doubling(_module, _inputs, output):
    """Double the hidden states of a layer, which gives a tuple before transformers 5."""
    return (output[0] * 2, *output[1:]) if isinstance(output, tuple) else output * 2


def _doubled(output):
    output["last_hidden_state"] = output["last_hidden_state"] * 2 + 0.1
    return output


@pytest.mark.parametrize("method", ["bti", "whyalike", "token_similarity"])
@pytest.mark.parametrize("where", ["module", "in place", "forward"])
def test_a_compiled_model_is_explained_as_it_was_written(model, method, where):
    expected = Explainer(model, method=method).explain(*PAIR)
    if where == "module":
        setattr(
            model[0],
            "model" if MOVED else "auto_model",
            torch.compile(model[0].auto_model, backend="eager"),
        )
    elif where == "in place":
        model[0].auto_model.compile(backend="eager")
    else:
        body = model[0].auto_model
        body.forward = torch.compile(body.forward, backend="eager")
    assert Explainer(model, method=method).explain(*PAIR) == expected


def test_a_model_whose_weights_change_under_a_pass_is_an_error(model):
    body = model[0].auto_model

    def train():
        with torch.no_grad():
            body.encoder.layer[0].output.dense.weight.add_(0.01)

    in_each_pass(model, train)
    with raises(ModelError, "changed"):
        Explainer(model).explain(*PAIR)
