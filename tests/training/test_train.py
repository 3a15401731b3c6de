"""Whole runs on a tiny base: what is written, resuming, stopping, and what is refused."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import killed
import numpy as np
import pytest
import torch
from killed import SETTINGS
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from training_catalogue import save_base, some_items

from forking import Forked
from raising import raises
from whyalike import Explainer
from whyalike.data.items import Item
from whyalike.errors import FormatError, MissingExtraError, OptionError, OutputError
from whyalike.training import TrainingResult, TrainingSettings, train, train_recobert
from whyalike.training.unfinished import (
    latest_checkpoint,
    note_seconds,
    seconds_of,
    step_of,
    unfinished,
)

QUICK = replace(SETTINGS, max_steps=3, looks=3, held_out=0.2, watched=0.1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(save_base(tmp_path_factory.mktemp("train") / "tiny-base"))


@pytest.fixture(scope="module")
def finished(base, tmp_path_factory):
    """A finished run with its baseline: the folder, the result, and what was told."""
    out = tmp_path_factory.mktemp("finished") / "model"
    told = []
    result = train_recobert(
        some_items(), out=out, base=base, settings=QUICK, baseline="mnrl", progress=told.append
    )
    return out, result, told


def weights(folder):
    return load_file(folder / "model.safetensors")


def equal(left, right):
    found = weights(left), weights(right)
    return set(found[0]) == set(found[1]) and all(
        torch.equal(found[0][name], found[1][name]) for name in found[0]
    )


def test_the_model_is_a_sentence_transformer_explained_with_its_own_score(finished):
    out, _, _ = finished
    item = some_items()[0]
    vectors = SentenceTransformer(str(out)).encode([item.title, item.description])
    wanted = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    own = Explainer(str(out)).explain(item.title, item.description)
    paper = Explainer(str(out), pooling="paper").explain(item.title, item.description)
    assert own.similarity == pytest.approx(wanted, abs=1e-5)
    assert own.similarity == pytest.approx(paper.similarity, abs=1e-6)
    assert own.pairs


def test_an_embedding_does_not_depend_on_the_batch(finished):
    pipeline = SentenceTransformer(str(finished[0]))
    texts = [text for item in some_items(6) for text in (item.title, item.description)]
    alone = [pipeline.encode(text) for text in texts]
    np.testing.assert_allclose(pipeline.encode(texts, batch_size=12), alone, atol=1e-5)


def test_the_model_differs_from_its_base(finished, base):
    trained, untrained = weights(finished[0]), weights(Path(base))
    shared = [name for name in trained if name in untrained]
    assert any(not torch.equal(trained[name], untrained[name]) for name in shared)


def test_the_result_says_what_was_done(finished):
    out, result, told = finished
    assert (result.items, result.trained, result.watched, result.held_out) == (30, 21, 3, 6)
    assert result.folder == out
    assert [model.name for model in result.figures] == [
        "base, untrained", "ranking loss + masked words × 0.5", "TF-IDF, untrained",
        result.figures[3].name, "MultipleNegativesRankingLoss",
    ]  # fmt: skip
    assert result.figures[3].name.startswith("trained, with TF-IDF × ")
    assert all(model.retrieval.candidates == 30 for model in result.figures)
    assert all(model.same_kind is not None for model in result.figures)
    assert [(p.step, p.mrr) for p in result.history] == [(p.step, p.mrr) for p in told]
    assert all(p.masked_words > 0 for p in told if p.mrr is None)
    stored = json.loads((out / "training.json").read_text())
    assert TrainingResult.from_dict(stored, folder=out) == result
    assert (stored["format"], stored["version"]) == ("whyalike/training", 1)
    with pytest.raises(FormatError, match="version 2"):
        TrainingResult.from_dict({**stored, "version": 2})
    del stored["format"], stored["version"]
    assert TrainingResult.from_dict(stored, folder=out) == result
    assert result.best_step in {p.step for p in told if p.mrr is not None}


def test_the_card_has_the_figures_and_no_path(finished, base):
    out, result, _ = finished
    card = (out / "README.md").read_text()
    assert "Trained\nfrom `tiny-base`" in card
    for model in result.figures:
        assert f"{model.retrieval.mrr:.3f}" in card
    assert "tiny-base has no trained head for masked tokens" in card
    for path in out.rglob("*.json"):
        assert str(Path(base).parent) not in path.read_text()
    assert str(Path(base).parent) not in card


def test_nothing_is_left_beside_the_model(finished):
    out, _, _ = finished
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name]


def test_one_seed_one_model(base, tmp_path, finished):
    torch.manual_seed(99)
    train_recobert(some_items(), out=tmp_path / "again", base=base, settings=QUICK)
    assert equal(finished[0], tmp_path / "again")
    other = replace(QUICK, seed=1)
    train_recobert(some_items(), out=tmp_path / "other", base=base, settings=other)
    assert not equal(finished[0], tmp_path / "other")


def test_training_leaves_the_callers_random_numbers_alone(base, tmp_path):
    torch.manual_seed(3)
    np.random.seed(3)
    wanted = torch.rand(3), np.random.rand(3)
    torch.manual_seed(3)
    np.random.seed(3)
    train_recobert(some_items(), out=tmp_path / "model", base=base, settings=QUICK)
    assert torch.equal(torch.rand(3), wanted[0])
    assert np.array_equal(np.random.rand(3), wanted[1])


def test_a_killed_run_goes_on_to_the_same_bits(base, tmp_path):
    """Step 9 is told before its checkpoint is written: the run goes on from step 6."""
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    ran = Forked(lambda: killed.main(base, str(cut), 9))
    _, said = ran.communicate(600)
    assert ran.returncode == -signal.SIGKILL, said[-2000:]
    assert not cut.exists()
    assert latest_checkpoint(unfinished(cut)).name == "checkpoint-6"
    (unfinished(cut) / "checkpoint-9").mkdir()  # as if it had been cut off a little later
    with pytest.raises(OptionError, match="--resume"):
        train_recobert(some_items(), out=cut, base=base, settings=SETTINGS)
    other = {"out": cut, "base": base, "settings": replace(SETTINGS, seed=4)}
    for resume in (True, False):
        with raises(OptionError, f"(seed: {SETTINGS.seed} then, 4 now)", "--force"):
            train_recobert(some_items(), **other, resume=resume)
        with raises(OptionError, "seed: ", "; texts: other items", "--force"):
            train_recobert(some_items(29), **other, resume=resume)
    with raises(OptionError, "one of them"):
        train_recobert(some_items(), **other, resume=True, force=True)
    note_seconds(unfinished(cut) / "checkpoint-6", 5000.0)
    said = []
    resumed = train_recobert(
        some_items(), out=cut, base=base, settings=SETTINGS, resume=True, say=said.append
    )
    assert said[0] == "Going on from the checkpoint of step 6."
    assert 5000 < resumed.seconds < 9000
    uncut = train_recobert(some_items(), out=whole, base=base, settings=SETTINGS, resume=True)
    assert equal(cut, whole)
    assert resumed.history == uncut.history
    assert resumed.figures == uncut.figures


def test_what_is_done_after_the_last_step_is_said(base, tmp_path):
    said, steps = [], []

    def tell(now):
        steps.append((now.step, len(said)))

    found = train_recobert(
        some_items(),
        out=tmp_path / "model",
        base=base,
        settings=replace(QUICK, held_out=0.3),
        baseline="mnrl",
        resume=True,
        progress=tell,
        say=said.append,
    )
    assert [line.split()[0] for line in said] == [
        "There", "All", "Saving", "Measuring", "Measuring", "Training"
    ]  # fmt: skip
    assert f"step {found.best_step}." in said[2]
    assert f"the base on {found.held_out} held-out titles" in said[3]
    assert steps[-1][0] == found.steps
    assert steps[-1][1] <= 2, "nothing is saved before the last step"


def test_an_unfinished_run_is_thrown_away_when_asked_only(base, tmp_path):
    out = tmp_path / "model"

    def stop(now):
        if now.step == 6 and now.mrr is None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_recobert(some_items(), out=out, base=base, settings=SETTINGS, progress=stop)
    kept = latest_checkpoint(unfinished(out))
    assert 0 < seconds_of(kept) < 600
    with raises(OptionError, "unfinished run of other data", "texts: other items"):
        train_recobert(some_items(29), out=out, base=base, settings=SETTINGS)
    with raises(OptionError, "go on with it", f"step {step_of(kept)}"):
        train_recobert(some_items(), out=out, base=base, settings=SETTINGS)
    assert latest_checkpoint(unfinished(out)) == kept
    first = []
    train_recobert(
        some_items(29),
        out=out,
        base=base,
        settings=SETTINGS,
        force=True,
        progress=lambda now: first.append(now.step),
    )
    assert first[0] <= step_of(kept)
    assert not unfinished(out).exists()


def test_ctrl_c_keeps_a_checkpoint_and_the_run_goes_on(base, tmp_path):
    out = tmp_path / "model"

    def interrupt(now):
        if now.step == 5 and now.mrr is None:
            signal.raise_signal(signal.SIGINT)

    settings = replace(SETTINGS, looks=12)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_recobert(some_items(), out=out, base=base, settings=settings, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert latest_checkpoint(unfinished(out)) is not None
    assert not out.exists()
    train_recobert(some_items(), out=out, base=base, settings=settings, resume=True)
    train_recobert(some_items(), out=tmp_path / "whole", base=base, settings=settings)
    assert equal(out, tmp_path / "whole")


def test_every_epoch_has_draws_of_its_own(base, tmp_path, monkeypatch):
    from whyalike.training.data import PairDataset

    seen = []
    read = PairDataset.__getitem__

    def note(self, index):
        example = read(self, index)
        seen.append((example["epoch"], index))
        return example

    monkeypatch.setattr(PairDataset, "__getitem__", note)
    train_recobert(some_items(), out=tmp_path / "model", base=base, settings=SETTINGS)
    # 27 items to train on, 7 steps of 4 an epoch, 12 steps.
    first = [index for epoch, index in seen if epoch == 0]
    assert sorted(first) == list(range(27))
    second = [index for epoch, index in seen if epoch == 1]
    assert len(set(second)) == len(second) >= 20
    assert first[:8] != second[:8]


def test_it_stops_without_progress_and_keeps_the_best_step(base, tmp_path):
    # Too small a step to change any rank: the first look stays the best.
    settings = replace(SETTINGS, looks=12, learning_rate=1e-9, watched=0.3, patience=2, held_out=0)
    found = train_recobert(some_items(), out=tmp_path / "model", base=base, settings=settings)
    assert (found.steps, found.best_step) == (3, 1)
    assert found.figures == ()
    assert "No items were held out." in (tmp_path / "model" / "README.md").read_text()


def test_a_run_that_is_cut_off_after_training_is_not_trained_on(base, tmp_path, monkeypatch):
    settings = replace(SETTINGS, looks=12, learning_rate=1e-9, watched=0.3, patience=2, held_out=0)
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr("whyalike.training.train.save_as_pipeline", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_recobert(some_items(), out=out, base=base, settings=settings)
    assert not out.exists()
    found = train_recobert(some_items(), out=out, base=base, settings=settings, resume=True)
    assert (found.steps, found.best_step) == (3, 1)
    uncut = train_recobert(some_items(), out=tmp_path / "whole", base=base, settings=settings)
    assert found.history == uncut.history
    assert equal(out, tmp_path / "whole")


def test_joint_training_without_masked_words(base, tmp_path):
    settings = TrainingSettings.of(
        **{**QUICK.to_dict(), "encoding": "joint", "negatives": "drawn", "mlm_weight": 0.0}
    )
    found = train_recobert(some_items(), out=tmp_path / "model", base=base, settings=settings)
    assert "in one sequence" in (tmp_path / "model" / "README.md").read_text()
    assert not any("head" in note for note in found.notes)


def test_long_texts_are_cut_and_it_is_said(base, tmp_path):
    settings = replace(QUICK, max_length=8)
    found = train_recobert(some_items(), out=tmp_path / "model", base=base, settings=settings)
    assert any("longer than 8 tokens" in note for note in found.notes)


def test_items_without_one_of_the_texts_are_left_out(base, tmp_path):
    items = [*some_items(), Item("t", "a title", ""), Item("d", " ", "a description")]
    found = train_recobert(items, out=tmp_path / "model", base=base, settings=QUICK)
    assert found.items == 30
    assert any("2 items lack a title or a description" in note for note in found.notes)


def test_what_is_there_is_not_written_over(finished, base):
    with pytest.raises(OptionError, match="is there already"):
        train_recobert(some_items(), out=finished[0], base=base)


def test_a_missing_parent_is_said_before_training(base, tmp_path):
    with pytest.raises(OutputError, match="There is no folder"):
        train_recobert(some_items(), out=tmp_path / "a" / "b", base=base)


def test_an_unknown_kind_is_refused(base, tmp_path):
    with raises(OptionError, "'colour'", "'type'"):
        train_recobert(some_items(), out=tmp_path / "model", base=base, kind="colour")


def test_a_missing_extra_is_named(base, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "whyalike.training.train.find_spec", lambda name: None if name == "accelerate" else True
    )
    with pytest.raises(MissingExtraError, match=r"whyalike\[train\]"):
        train_recobert(some_items(), out=tmp_path / "model", base=base)
    assert train.__name__ == "whyalike.training.train"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"encoding": "both"}, "encoding | 'both'"),
        ({"negatives": "hard"}, "negatives | 'hard'"),
        ({"learning_rate": 0}, "learning_rate | 0"),
        ({"batch_size": 2.5}, "batch_size | 2.5"),
        ({"held_out": 1}, "held_out | 1"),
        ({"mask": -0.1}, "mask | -0.1"),
        ({"max_steps": 0}, "max_steps | 0"),
        ({"encoding": "joint", "negatives": "ranking"}, "joint"),
        ({"batch_size": 1, "negatives": "all"}, "2 or more"),
        ({"learning_rate": float("nan")}, "learning_rate | nan"),
    ],
)
def test_settings_that_can_not_be(choices, said):
    with raises(OptionError, *said.split(" | ")):
        TrainingSettings(**choices)
