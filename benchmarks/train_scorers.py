"""Train the small scorers that come packaged nowhere: a cross-encoder and a late interaction.

Both start from the packaged all-MiniLM-L6-v2 and learn which description belongs to a title, on the
wine and fashion catalogues in the folder named by WHYALIKE_DATA, against hard negatives that MiniLM
itself mines. sentence-transformers' own trainers do the rest. Afterwards titles that were held out
look for their own description among twenty of held-out items, and so do they by MiniLM's cosine.

Run with: OMP_NUM_THREADS=1 python benchmarks/train_scorers.py cross-encoder OUT
          OMP_NUM_THREADS=1 python benchmarks/train_scorers.py late-interaction OUT
          ... --steps 0      measure the model that OUT holds, without training
"""

import argparse
import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.base.training_args import BatchSamplers
from sentence_transformers.util import mine_hard_negatives
from torch.utils.data import SequentialSampler
from transformers import set_seed

from whyalike.catalogue import Catalogue
from whyalike.models.locating import find_model
from whyalike.training.data import split_pairs

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
BASE = "all-MiniLM-L6-v2"
SEED = 0
CANDIDATES = 20
NEGATIVES = 2
LEARNT_WORDS = 60
"""Longer descriptions are not learnt from: an hour of one thread is all that this may take."""

LONGEST = 256
"""Tokens: of both texts in one sequence, or of a description alone."""


@dataclass(frozen=True)
class Pairs:
    """A catalogue's pairs of title and description, learnt from and held out."""

    name: str
    train: list[tuple[str, str]]
    held_out: list[tuple[str, str]]


def read_pairs(catalogue, items):
    """Return a catalogue's pairs; equal titles or descriptions are on one side of the split."""
    found = [
        (item.title, item.description)
        for item in Catalogue.read(DATA / "catalogues" / f"{catalogue}.csv")
        if item.title.strip() and item.description.strip()
    ]
    found = random.Random(SEED).sample(found, min(items, len(found)))
    split = split_pairs(found, held_out=0.2, watched=0.0, seed=SEED)
    return Pairs(catalogue, [found[i] for i in split.train], [found[i] for i in split.held_out])


def read_catalogues():
    """Return both catalogues: all of fashion, and 700 wines."""
    return [read_pairs("fashion", 1000), read_pairs("wine", 700)]


def mine(pairs, base):
    """Return [title, own description, NEGATIVES others] of what is short enough to learn from.

    The others are drawn from the 40 that MiniLM ranks first.
    """
    short = [pair for pair in pairs if len(pair[1].split()) <= LEARNT_WORDS]
    rows = Dataset.from_dict(
        {"title": [title for title, _ in short], "description": [text for _, text in short]}
    )
    found = mine_hard_negatives(
        rows,
        base,
        range_min=1,
        range_max=40,
        num_negatives=NEGATIVES,
        sampling_strategy="random",
        output_format="n-tuple",
        verbose=False,
    )
    return [list(row.values()) for row in found]


def mined_rows(catalogues, base, file):
    """Return the rows of all catalogues, those in ``file`` where it is there already."""
    if file is not None and file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    rows = [row for each in catalogues for row in mine(each.train, base)]
    if file is not None:
        file.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def candidates_of(pairs, queries):
    """Return (title, own description first, then CANDIDATES - 1 others) for drawn titles."""
    draw = random.Random(SEED)
    texts = sorted({text for _, text in pairs})
    own = {}
    for title, text in pairs:
        own.setdefault(title, set()).add(text)
    asked = draw.sample(pairs, min(queries, len(pairs)))
    return [
        (title, [text, *draw.sample([t for t in texts if t not in own[title]], CANDIDATES - 1)])
        for title, text in asked
    ]


def rank_of_first(scores):
    """Return the rank of the first score, ties counted half."""
    scores = np.asarray(scores)
    return 1 + (scores[1:] > scores[0]).sum() + (scores[1:] == scores[0]).sum() / 2


def measure(name, score, catalogues, queries):
    """Print MRR and accuracy of a scorer of pairs on held-out titles."""
    for each in catalogues:
        ranks = []
        began = time.perf_counter()
        for title, texts in candidates_of(each.held_out, queries):
            ranks.append(rank_of_first(score(title, texts)))
        ranks = np.array(ranks)
        print(
            f"| {each.name} | {name} | {(1 / ranks).mean():.3f} | {(ranks == 1).mean():.3f} "
            f"| {len(ranks)} | {time.perf_counter() - began:.0f} s |",
            flush=True,
        )


def in_batches(rows, size):
    """Return rows in the order of their batches: of similar length each, batches shuffled."""
    draw = random.Random(SEED)
    order = draw.sample(range(len(rows)), len(rows))
    batches = []
    for start in range(0, len(order), 16 * size):
        part = sorted(order[start : start + 16 * size], key=lambda n: len(rows[n]["description"]))
        batches += [part[i : i + size] for i in range(0, len(part), size)]
    draw.shuffle(batches)
    return rows.select([n for batch in batches for n in batch])


def in_given_order(dataset, **options):
    return DefaultBatchSampler(SequentialSampler(dataset), **options)


def shared_arguments(out, asked):
    return {
        "output_dir": str(out / "trainer"),
        "per_device_train_batch_size": asked.batch,
        "max_steps": asked.steps,
        "learning_rate": asked.lr,
        "warmup_steps": asked.steps // 10,
        "seed": SEED,
        "data_seed": SEED,
        "save_strategy": "no",
        "report_to": [],
        "logging_steps": 10,
        "disable_tqdm": True,
        "use_cpu": True,
    }


def train_cross_encoder(mined, folder, out, asked):
    """Train on labelled pairs, one true and NEGATIVES false of each title; embeddings stay."""
    from sentence_transformers.cross_encoder import CrossEncoderTrainer as Trainer
    from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments as Arguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    pairs = [
        {"title": title, "description": text, "label": float(number == 0)}
        for title, *texts in mined
        for number, text in enumerate(texts)
    ]
    rows = in_batches(Dataset.from_list(pairs), asked.batch)
    print(f"{len(rows)} labelled pairs, {sum(rows['label'])} of them true", flush=True)
    model = CrossEncoder(str(folder), num_labels=1, max_length=LONGEST, device="cpu")
    model.model.get_input_embeddings().requires_grad_(False)
    Trainer(
        model=model,
        args=Arguments(batch_sampler=in_given_order, **shared_arguments(out, asked)),
        train_dataset=rows,
        loss=BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(float(NEGATIVES))),
    ).train()
    model.save_pretrained(str(out))


def train_late_interaction(mined, folder, out, asked):
    """Train on titles with their description, a hard negative, and the rest of the batch."""
    from sentence_transformers.multi_vector_encoder import MultiVectorEncoderTrainer as Trainer
    from sentence_transformers.multi_vector_encoder import (
        MultiVectorEncoderTrainingArguments as Arguments,
    )
    from sentence_transformers.multi_vector_encoder.losses import (
        MultiVectorMultipleNegativesRankingLoss,
    )

    rows = Dataset.from_list(
        [{"title": row[0], "description": row[1], "other": row[2]} for row in mined]
    ).shuffle(seed=SEED)
    print(f"{len(rows)} titles with a description and a hard negative", flush=True)
    model = MultiVectorEncoder(str(folder), device="cpu")
    model.max_seq_length = LONGEST
    model.transformers_model.get_input_embeddings().requires_grad_(False)
    Trainer(
        model=model,
        args=Arguments(
            # Colour variants share a description, which would be its own negative.
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            **shared_arguments(out, asked),
        ),
        train_dataset=rows,
        loss=MultiVectorMultipleNegativesRankingLoss(model),
    ).train()
    model.save_pretrained(str(out))


def score_by_cosine(base):
    def score(title, texts):
        vectors = base.encode([title, *texts], normalize_embeddings=True, show_progress_bar=False)
        return vectors[1:] @ vectors[0]

    return score


def score_by_cross_encoder(folder):
    model = CrossEncoder(str(folder), device="cpu")

    def score(title, texts):
        return model.predict([(title, text) for text in texts], activation_fn=torch.nn.Identity())

    return score


def score_by_late_interaction(folder):
    model = MultiVectorEncoder(str(folder), device="cpu")

    def score(title, texts):
        query = model.encode_query([title], show_progress_bar=False)
        documents = model.encode_document(texts, show_progress_bar=False)
        return model.similarity(query, documents)[0].cpu().numpy()

    return score


KINDS = {
    "cross-encoder": (train_cross_encoder, score_by_cross_encoder),
    "late-interaction": (train_late_interaction, score_by_late_interaction),
}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=130)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--queries", type=int, default=60, help="held-out titles to measure by")
    parser.add_argument("--mined", type=Path, help="a file of mined rows, written if not there")
    return parser.parse_args()


def main():
    asked = read_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    set_seed(SEED)
    folder = find_model(BASE).folder
    base = SentenceTransformer(str(folder), device="cpu")
    catalogues = read_catalogues()
    train, score_by = KINDS[asked.kind]
    if asked.steps:
        began, cpu = time.perf_counter(), time.process_time()
        train(mined_rows(catalogues, base, asked.mined), folder, asked.out, asked)
        print(
            f"{asked.kind}: {asked.steps} steps of {asked.batch} rows in "
            f"{time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of CPU, "
            "mining included",
            flush=True,
        )
    print("| catalogue | scorer | MRR | first | titles | time |\n|---|---|---|---|---|---|")
    measure(f"{BASE}, cosine", score_by_cosine(base), catalogues, asked.queries)
    measure(asked.kind, score_by(asked.out), catalogues, asked.queries)


if __name__ == "__main__":
    main()
