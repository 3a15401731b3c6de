"""Passes that run side by side: the same results, nothing of it left, and one after the other."""

import copy
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tiny_models import tiny
from whyalike import Explainer
from whyalike.evaluation.changed_models import disturbed_embeddings
from whyalike.interruption import checked_by
from whyalike.models import encoder as encoders
from whyalike.side_by_side import busy_seconds, run_side_by_side

TEXTS = [" ".join(["warm wool gloves", "a scarf"][n % 2] for _ in range(n + 1)) for n in range(12)]
PAIRS = [*zip(TEXTS[::2], TEXTS[1::2], strict=True), (TEXTS[0], TEXTS[5]), (TEXTS[0], TEXTS[7])]


@pytest.fixture
def two_threads(monkeypatch):
    """Torch has two threads here, and so few tokens are worth two passes."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(encoders, "WORTH_SHARING", 1)
    monkeypatch.setattr(encoders, "LEAST_SHARE", 8)
    yield
    torch.set_num_threads(before)


def own_explainer(**choices):
    """Return an explainer of a model that no other test has: hooks stay on it."""
    model, tokenizer = tiny("bert").parts
    return Explainer((copy.deepcopy(model), tokenizer), **choices)


def names_of_passes(explainer):
    """Return a list that each pass adds the name of its thread to."""
    names = []
    module = explainer.model._loaded.transformer.get_input_embeddings()
    module.register_forward_hook(lambda *_: names.append(threading.current_thread().name))
    return names


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("method", ["bti", "whyalike", "gradient_x_activation"])
@pytest.mark.parametrize("graph_tokens", [8192, 16])
def test_side_by_side_is_one_after_the_other(monkeypatch, method, graph_tokens):
    monkeypatch.setattr(encoders, "GRAPH_TOKENS", graph_tokens)
    explainer = own_explainer(method=method)
    names = names_of_passes(explainer)
    together = list(explainer.explain_many(PAIRS))
    assert len({name for name in names if name.startswith("whyalike-passes")}) > 1
    monkeypatch.setattr(encoders, "WORTH_SHARING", 10**9)
    names.clear()
    for one, other in zip(together, explainer.explain_many(PAIRS), strict=True):
        assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
        for side in ("left", "right"):
            numbers = [[w.saliency for w in getattr(e, side).words] for e in (one, other)]
            np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-4)
    assert set(names) == {threading.current_thread().name}


@pytest.mark.usefixtures("two_threads")
def test_vectors_side_by_side_are_those_of_one_thread(monkeypatch):
    explainer = own_explainer()
    names = names_of_passes(explainer)
    found = explainer.model.embed(TEXTS)
    assert any(name.startswith("whyalike-passes") for name in names)
    monkeypatch.setattr(encoders, "WORTH_SHARING", 10**9)
    np.testing.assert_allclose(found, explainer.model.embed(TEXTS), atol=1e-6)


@pytest.mark.usefixtures("two_threads")
def test_what_is_changed_for_this_thread_is_explained_by_this_thread():
    explainer = own_explainer()
    plain = explainer.model.embed(TEXTS)
    draw = np.random.default_rng(0)
    with disturbed_embeddings(explainer.model, lambda _, vectors: draw.normal(size=vectors.shape)):
        noisy = explainer.model.embed(TEXTS)
    assert (np.abs(noisy - plain).max(axis=1) > 1e-3).all()
    np.testing.assert_allclose(explainer.model.embed(TEXTS), plain, atol=1e-6)
    names = names_of_passes(explainer)
    with torch.autocast("cpu", torch.bfloat16):
        explainer.model.embed(TEXTS)
    assert set(names) == {threading.current_thread().name}


@pytest.mark.usefixtures("two_threads")
def test_weights_that_the_user_replaces_are_seen_by_all():
    explainer = own_explainer()
    model = explainer.model._loaded.transformer
    before = explainer.model.embed(TEXTS)
    weights = model.get_input_embeddings().weight
    kept = weights.detach().clone()
    try:
        model.get_input_embeddings().weight = torch.nn.Parameter(kept * 2 + 0.1)
        changed = explainer.model.embed(TEXTS)
    finally:
        model.get_input_embeddings().weight = weights
    assert (np.abs(changed - before).max(axis=1) > 1e-4).all()
    np.testing.assert_allclose(explainer.model.embed(TEXTS), before, atol=1e-6)


def test_torch_is_set_as_before_in_all_other_threads():
    before = torch.get_num_threads()
    with ThreadPoolExecutor(1) as old:
        of_old = old.submit(torch.get_num_threads).result()
        inside = run_side_by_side(
            lambda _worker, _piece: torch.get_num_threads(), range(6), [0, 1], threads=2
        )
        assert inside == [1] * 6
        assert old.submit(torch.get_num_threads).result() == of_old
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as new:
        assert new.submit(torch.get_num_threads).result() == of_old


def test_pieces_are_in_order_and_a_worker_has_one_at_a_time():
    busy, met = {"a": 0, "b": 0}, threading.Barrier(2)

    def piece(worker, number):
        busy[worker] += 1
        assert busy[worker] == 1
        if number < 2:
            met.wait(30)  # The first two run at the same time.
        busy[worker] -= 1
        return number * number

    assert run_side_by_side(piece, range(9), ["a", "b"], threads=2) == [n * n for n in range(9)]


def test_an_error_comes_out_when_nothing_runs_any_more():
    other_runs, raised, ended = threading.Event(), threading.Event(), []

    def piece(_worker, number):
        if number == 0:
            other_runs.wait(30)
            raised.set()
            raise ValueError("no")
        other_runs.set()
        raised.wait(30)
        ended.append(number)

    with pytest.raises(ValueError, match="no"):
        run_side_by_side(piece, range(9), ["a", "b"], threads=2)
    # The piece beside it ended first, and no other one began.
    assert ended == [1]


def test_checkpoints_are_passed_by_the_thread_that_asks():
    threads = []
    with checked_by(lambda: threads.append(threading.current_thread())):
        run_side_by_side(lambda _worker, _piece: None, range(4), ["a", "b"], threads=2)
    assert threads == [threading.current_thread()] * 4


def test_time_of_others_counts_as_that_of_the_thread_they_work_for():
    def computes(_worker, _piece):
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            pass

    before, own = busy_seconds(), time.thread_time()
    run_side_by_side(computes, range(4), ["a", "b"], threads=2)
    others = (busy_seconds() - before) - (time.thread_time() - own)
    assert others == pytest.approx(4 * 0.05 / 2, rel=0.2)


LAST_THREAD = """
import threading

from whyalike.side_by_side import run_side_by_side

def work():
    threading.main_thread().join()
    print(run_side_by_side(lambda _worker, piece: piece * piece, range(4), ["a", "b"], threads=2))

threading.Thread(target=work).start()
"""


def test_a_thread_that_outlives_the_main_one_still_gets_its_results():
    done = subprocess.run(
        [sys.executable, "-c", LAST_THREAD], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[0, 1, 4, 9]\n", "")
