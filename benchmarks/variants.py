"""Other ways of running the same model: attention, half precision, int8, compiled, groups of rows.

Each takes its turns with the way it is run now, in one process; what it changes of the vectors is
said beside it: the least cosine with those of single precision. The first table is of vectors alone
(an index), the second of a forward and a backward to the embeddings.

    python benchmarks/variants.py [--texts 64] [--rounds 5] [--compile] [--threads N] [--device D]
    python benchmarks/variants.py --groups     tokens of a pass of explain_many, at most
    python benchmarks/variants.py --attention  kernels of attention, and how tokens are weighed
    python benchmarks/variants.py --products   products with a layer's weights, in other layouts
    python benchmarks/variants.py --workers    two threads in an operation, or two that run passes
"""

import argparse
import copy
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import measuring
import torch
from limit import MODEL, Bare
from measuring import mixed_pairs, mixed_texts, say, summary, take_turns
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad, scaled_dot_product_attention

from whyalike import Explainer
from whyalike.models import encoder


class Variant(Bare):
    """A pipeline that is run in another way."""

    def __init__(self, pipeline, *, half=False):
        super().__init__(pipeline)
        self.half = half

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def vectors(self, texts, at_once=32):
        with torch.no_grad(), self.autocast():
            return torch.cat(
                [
                    self.pipeline(self.features(texts[start : start + at_once]))[
                        "sentence_embedding"
                    ].float()
                    for start in range(0, len(texts), at_once)
                ]
            )

    def rows(self, texts, at_once=32):
        for start in range(0, len(texts), at_once):
            with self.autocast():
                vectors, leaf = self.forward(texts[start : start + at_once])
            torch.autograd.grad(vectors[:, ::2].float().sum(), leaf)


def variants(pipeline, *, compiled):
    """Return by name: vectors alone, and with a backward."""
    alone = {"single precision": Variant(pipeline), "bf16 autocast": Variant(pipeline, half=True)}
    eager = copy.deepcopy(pipeline)
    eager.transformers_model.set_attn_implementation("eager")
    both = {**alone, "attention written out": Variant(eager)}
    alone["bf16 weights"] = both["bf16 weights"] = Variant(
        copy.deepcopy(pipeline).to(torch.bfloat16)
    )
    if alone["single precision"].device.type == "cpu":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            int8 = torch.ao.quantization.quantize_dynamic(
                copy.deepcopy(pipeline), {torch.nn.Linear}, dtype=torch.qint8
            )
        alone["int8, dynamic"] = Variant(int8)
    if compiled:
        own = copy.deepcopy(pipeline)
        own.transformers_model.encoder.compile(dynamic=True)
        alone["torch.compile"] = both["torch.compile"] = Variant(own)
    return alone, both


def compare(asked):
    pipeline = Explainer(MODEL, device=asked.device).model.pipeline
    texts = sorted(
        mixed_texts([8 + 82 * n // asked.texts for n in range(asked.texts)]), key=lambda t: -len(t)
    )
    alone, both = variants(pipeline, compiled=asked.compile)
    usual = alone["single precision"].vectors(texts)
    found = {}
    for title, runs in (
        ("vectors alone", {n: (lambda v=v: v.vectors(texts)) for n, v in alone.items()}),
        ("forward and backward", {n: (lambda v=v: v.rows(texts)) for n, v in both.items()}),
    ):
        found[title] = summary(take_turns(runs, asked.rounds), by="single precision")
        say(f"{title}, {asked.texts} texts of 8 to 90 words", found[title])
    for name, one in alone.items():
        least = float(torch.cosine_similarity(one.vectors(texts), usual).min())
        found["vectors alone"][name]["least_cosine"] = least
        print(f"least cosine with single precision, {name}: {least:.6f}")
    return {"variants": found}


def groups(asked):
    """Of so many tokens a pass at most, explain_many by ``whyalike``; the graph holds all of it."""
    explainer = Explainer(MODEL, device=asked.device)
    pairs = mixed_pairs(asked.texts // 2, seed=8)
    plain = encoder.Encoder._group

    def explained(most):
        def group(self, rows, texts, *, most_tokens):
            return plain(self, rows, texts, most_tokens=min(most, most_tokens))

        encoder.Encoder._group = group
        list(explainer.explain_many(pairs))

    runs = {f"{most:,}": (lambda most=most: explained(most)) for most in (8192, 2048, 1024, 512)}
    found = summary(take_turns(runs, asked.rounds), by="8,192")
    say(f"most tokens of a pass, {len(pairs)} pairs", found)
    return {"groups": found}


HEADS, WIDTH = 12, 32
"""Of all-MiniLM-L6-v2, as the shapes of the parts below are."""


def attention(asked):
    """One layer's attention, forward and backward: kernels, and the ways to weigh tokens."""
    found = {}
    for rows, length in ((2, 30), (16, 30), (16, 60), (16, 110), (4, 256)):
        runs = ways_of_attention(rows, length)
        title = f"{rows} rows of {length} tokens"
        found[title] = summary(take_turns(runs, asked.rounds, every=3), by="flash")
        say(title, found[title])
    return {"attention": found}


def ways_of_attention(rows, length):
    made = [torch.randn(rows, length, HEADS * WIDTH, requires_grad=True) for _ in range(3)]
    query, key, value = (each.view(rows, length, HEADS, WIDTH).transpose(1, 2) for each in made)
    mask = torch.zeros(rows, 1, 1, length)
    weights = torch.zeros(rows, 1, 1, length, requires_grad=True)
    slope = torch.randn(rows, HEADS, length, WIDTH)

    def flash():
        found = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        torch.autograd.grad(found, made, slope)

    def written_out():
        with sdpa_kernel(SDPBackend.MATH):
            flash()

    def wider():
        one = torch.full_like(query[..., :1], WIDTH**0.5)
        found = scaled_dot_product_attention(
            torch.cat([query, one], dim=-1),
            torch.cat([key, weights.mT.expand(-1, HEADS, -1, -1)], dim=-1),
            pad(value, (0, 1)),
            attn_mask=mask,
            scale=WIDTH**-0.5,
        )
        torch.autograd.grad(found[..., :-1], [*made, weights], slope)

    def in_the_mask():
        found = scaled_dot_product_attention(query, key, value, attn_mask=mask + weights)
        torch.autograd.grad(found, [*made, weights], slope)

    return {
        "flash": flash,
        "written out": written_out,
        "weights as a feature, as whyalike": wider,
        "weights in the mask": in_the_mask,
    }


def products(asked):
    """Tokens by a layer's weights, as torch does it and with weights laid out beforehand."""
    found = {}
    for tokens in (40, 200, 1024, 4096):
        for width, out in ((384, 384), (384, 1536), (1536, 384)):
            title = f"{tokens} tokens, {width} to {out}"
            with torch.no_grad():
                runs = ways_of_products(tokens, width, out)
                timed = take_turns(runs, asked.rounds, every=max(1, 600 // tokens))
            found[title] = summary(timed, by="linear")
            say(title, found[title])
    return {"products": found}


def ways_of_products(tokens, width, out):
    x, w, b = torch.randn(tokens, width), torch.randn(out, width), torch.randn(out)
    turned = w.t().contiguous()
    packed = torch.ops.mkl._mkl_reorder_linear_weight(w, tokens)
    blocked = torch.ops.mkldnn._reorder_linear_weight(w.to_mkldnn(), tokens)
    return {
        "linear": lambda: torch.nn.functional.linear(x, w, b),
        "weights turned": lambda: torch.addmm(b, x, turned),
        "packed by MKL": lambda: torch.ops.mkl._mkl_linear(x, packed, w, b, tokens),
        "packed by oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(
            x, blocked, b, "none", [], ""
        ),
        "OpenBLAS, by NumPy": lambda: x.numpy() @ w.numpy().T,
    }


class OneThread:
    """A worker with one thread and weights of its own."""

    bare = None

    @classmethod
    def start(cls):
        torch.set_num_threads(1)
        cls.bare = Bare(Explainer(MODEL).model.pipeline)

    @classmethod
    def run(cls, texts):
        used = time.process_time()
        cls.bare.rows(texts)
        return time.process_time() - used


def workers(asked):
    """Forward and backward of the same groups of rows: who runs them, on two cores."""
    bare = Bare(Explainer(MODEL, device=asked.device).model.pipeline)
    texts = sorted(
        mixed_texts([8 + 82 * n // asked.texts for n in range(asked.texts)]), key=lambda t: -len(t)
    )
    groups = [texts[start : start + 16] for start in range(0, len(texts), 16)]
    copies = [Bare(copy.deepcopy(bare.pipeline)) for _ in range(2)]

    def in_an_operation(threads):
        torch.set_num_threads(threads)
        for group in groups:
            bare.rows(group)

    def with_one(waiting, own):
        torch.set_num_threads(1)  # of the calling thread alone
        while waiting:
            own.rows(waiting.pop(0))

    def threads():
        waiting = [*groups]
        list(pool.map(lambda own: with_one(waiting, own), copies))

    def processes():
        began = time.perf_counter()
        used = sum(others.map(OneThread.run, groups))
        return used, time.perf_counter() - began

    spawned = ProcessPoolExecutor(2, get_context("spawn"), initializer=OneThread.start)
    with ThreadPoolExecutor(2) as pool, spawned as others:
        runs = {
            "one process, 2 threads in an operation": lambda: in_an_operation(2),
            "one process, 1 thread": lambda: in_an_operation(1),
            "2 threads, each runs passes": threads,
            "2 processes, each runs passes": processes,
        }
        timed = take_turns(runs, asked.rounds)
    found = summary(timed, by="one process, 2 threads in an operation")
    say(f"forward and backward, {asked.texts} texts, groups of 16", found)
    return {"workers": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true")
    parts = {one.__name__: one for one in (groups, attention, products, workers)}
    for part in parts:
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    part = next((run for name, run in parts.items() if getattr(asked, name)), compare)
    measuring.keep(asked.json, part(asked))


if __name__ == "__main__":
    main()
