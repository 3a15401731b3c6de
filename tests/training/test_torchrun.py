"""``whyalike train`` under torchrun: two processes have the curve of one with batches twice as large."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_catalogue import save_base, some_items

STEPS = 6
SCRIPT = Path(__file__).with_name("torchrun_train.py")


def run(folder, *arguments, processes):
    """Train by the command line, with torchrun where there are several processes."""
    start = [] if processes == 1 else [
        "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = [str(SCRIPT), str(folder)]
    if processes == 1:
        environment["RANK"] = "0"
    return subprocess.run(
        [sys.executable, *start, *script, "train", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A base without dropout, which one large batch and two small ones would draw otherwise."""
    folder = tmp_path_factory.mktemp("torchrun")
    save_base(folder / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    # A row that is none must be said once. 24 of 30 items are learnt from, which are three joint batches.
    lines = [
        json.dumps({"id": i.id, "title": i.title, "description": i.description, **i.metadata})
        for i in some_items()
    ]
    (folder / "goods.jsonl").write_text("\n".join([*lines, "no json"]) + "\n")
    return folder


def train(made, name, *more, processes, batch):
    folder = made / name
    folder.mkdir()
    done = run(
        folder, str(made / "goods.jsonl"), "-o", str(folder / "model"), "--base", str(made / "base"),
        "--batch-size", str(batch), "--max-steps", str(STEPS), "--lr", "1e-3", "--max-length", "64",
        "--mlm-weight", "0.5", "--json", *more, processes=processes,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize(("negatives", "more"), [("ranking", ()), ("all", ("--cached-batch",))])
def test_two_processes_have_the_curve_of_one(made, negatives, more):
    name = "-".join([negatives, *more])
    one, _ = train(made, f"{name}-one", "--negatives", negatives, processes=1, batch=8)
    two, said = train(made, f"{name}-two", "--negatives", negatives, *more, processes=2, batch=4)
    curves = [
        [(step["title_description"], step["masked_words"]) for step in found["history"]]
        for found in (one, two)
    ]
    assert len(curves[0]) == STEPS
    for alone, together in zip(*curves, strict=True):
        assert together == pytest.approx(alone, rel=2e-3)
    # They learn: the curve is no straight line, of which any two would be alike.
    assert curves[0][-1][0] < 0.9 * curves[0][0][0]
    # One process speaks: each thing is said once. The result above is one JSON document.
    assert said.count("bad rows are left out") == 1
    assert said.count(f"step {STEPS}/{STEPS}") == 1
    left, right = (torch.load(made / f"{name}-two" / f"finished-{rank}.pt") for rank in (0, 1))
    assert set(left) == set(right)
    assert all(torch.equal(left[key], right[key]) for key in left)
    alone = torch.load(made / f"{name}-one" / "finished-0.pt")
    base = load_file(made / "base" / "model.safetensors")
    shared = {key.removeprefix("encoder."): key for key in alone}
    # A softmax does not see the keys' bias: its gradient is rounding, of which Adam makes steps.
    names = [key for key in shared if key in base and "key.bias" not in key]
    moved = sum((alone[shared[k]] - base[k]).square().sum() for k in names) ** 0.5
    apart = sum((alone[shared[k]] - left[shared[k]]).square().sum() for k in names) ** 0.5
    assert moved > 0.1
    assert apart / moved < 0.02


def test_a_baseline_of_one_process_is_refused_by_two(made):
    folder = made / "refused"
    folder.mkdir()
    done = run(
        folder, str(made / "goods.jsonl"), "-o", str(folder / "model"), "--base", str(made / "base"),
        "--baseline", "mnrl", processes=2,
    )  # fmt: skip
    assert done.returncode != 0
    assert "torchrun started 2" in done.stderr
