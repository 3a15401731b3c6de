"""Training in two processes, on a CPU with gloo: one gradient, equal parameters, head included."""

import os
import socket

import pytest
import torch
from training_catalogue import save_base, some_items
from two_processes import TRAINING, gradient_of, main

from forking import Forked
from whyalike.training import TrainingSettings, train_recobert


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes wrote."""
    made = tmp_path_factory.mktemp("two")
    # Without dropout, which would differ between one large batch and two small ones.
    save_base(made / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def work(rank):
        # What torchrun says to each process.
        os.environ |= {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        }  # fmt: skip
        torch.set_num_threads(1)
        main(made)

    both = [Forked(lambda rank=rank: work(rank)) for rank in (0, 1)]
    try:
        said = [one.communicate(600) for one in both]
    finally:
        for one in both:
            one.kill()
    assert [one.returncode for one in both] == [0, 0], said
    return made


def test_the_gradient_is_that_of_the_joint_batch(folder):
    wanted = gradient_of(str(folder / "base"), range(8), parallel=False)
    for rank in (0, 1):
        found = torch.load(folder / f"gradient-{rank}.pt")
        assert set(found) == set(wanted)
        for name, gradient in wanted.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)


def test_both_processes_end_with_the_same_parameters(folder):
    left, right = (torch.load(folder / f"finished-{rank}.pt") for rank in (0, 1))
    assert any(name.startswith("head.") for name in left)
    assert set(left) == set(right)
    for name in left:
        assert torch.equal(left[name], right[name])


def test_both_processes_have_the_same_result(folder):
    left, right = (torch.load(folder / f"result-{rank}.pt") for rank in (0, 1))
    assert left == right
    assert left["steps"] == 4


def test_two_processes_learn_what_one_learns_from_batches_twice_as_large(folder, tmp_path):
    settings = TrainingSettings(**{**TRAINING.to_dict(), "batch_size": 8})
    train_recobert(
        some_items(), out=tmp_path / "model", base=str(folder / "base"), settings=settings
    )
    from safetensors.torch import load_file

    base = load_file(folder / "base" / "model.safetensors")
    one = load_file(tmp_path / "model" / "model.safetensors")
    two = load_file(folder / "model" / "model.safetensors")
    # A softmax does not see the keys' bias: its gradient is rounding, of which Adam makes steps.
    shared = [name for name in one if name in base and "key.bias" not in name]
    apart = sum((two[name] - one[name]).square().sum() for name in shared) ** 0.5
    moved = sum((one[name] - base[name]).square().sum() for name in shared) ** 0.5
    assert moved > 0.1
    assert apart / moved < 0.02
