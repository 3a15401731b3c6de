"""What explaining costs against the bare limit, the loop a user would write, and other packages.

The limit is one forward and one backward to the embeddings of the same texts, weights frozen.
Same weights, same texts, by turns in one process; ratios are of the processor's time, medians of
neighbours. Packages that whyalike does not depend on run in an environment of their own
(``benchmarks/rival.py``), and take their turns too.

    python benchmarks/limit.py pair [--words 20 60 150] [--rivals]   one pair, and other methods
    python benchmarks/limit.py batch [--pairs 256]                   many pairs of mixed length
    python benchmarks/limit.py rank [--passages 50]                  a query and its passages
    python benchmarks/limit.py length [--lengths 128 ... 8192]       growth, on a random ModernBERT
    python benchmarks/limit.py index [--texts 512]                   against sentence-transformers
    python benchmarks/limit.py phases [--pairs 128]                  where explain_many, index, rank
                                                                     and serve spend time

All take --rounds, --threads, --device (cpu, cuda), --json FILE.
"""

import argparse
import importlib
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import measuring
import torch
from measuring import mixed_pairs, mixed_texts, say, summary, take_turns, texts_of

from whyalike import Explainer
from whyalike.models.installed import preprocess

MODEL = "all-MiniLM-L6-v2"
STEPS = 50


class Bare:
    """Forward and backward through a pipeline, as bare as they come; weights are frozen."""

    def __init__(self, pipeline):
        pipeline.requires_grad_(False).eval()
        self.pipeline = pipeline
        self.embedding = pipeline.transformers_model.get_input_embeddings()
        self.device = next(pipeline.parameters()).device

    def features(self, texts):
        found = preprocess(self.pipeline, texts)
        return {k: v.to(self.device) if hasattr(v, "to") else v for k, v in found.items()}

    def forward(self, texts):
        """Return the vectors and the embeddings that they may be differentiated by."""
        leaf = []

        def hook(_module, _inputs, output):
            leaf.append(output.detach().requires_grad_())
            return leaf[0]

        features = self.features(texts)
        handle = self.embedding.register_forward_hook(hook)
        vectors = self.pipeline(features)["sentence_embedding"]
        handle.remove()
        return vectors, leaf[0]

    def pairs(self, pairs, at_once=32):
        """As a user would: pairs as they come, padded to the longest of a batch."""
        for start in range(0, len(pairs), at_once):
            some = pairs[start : start + at_once]
            vectors, leaf = self.forward([text for pair in some for text in pair])
            score = torch.cosine_similarity(vectors[::2], vectors[1::2]).sum()
            torch.autograd.grad(score, leaf)

    def rows(self, texts, at_once=16):
        """Of texts by falling length, each batch of about one length: hardly any padding."""
        for start in range(0, len(texts), at_once):
            vectors, leaf = self.forward(texts[start : start + at_once])
            torch.autograd.grad(vectors[:, ::2].sum(), leaf)


def captum_gradients(bare, left, right):
    """Integrated gradients of both texts' embeddings by Captum, the other text held fixed."""
    from captum.attr import IntegratedGradients

    model = bare.pipeline.transformers_model
    with torch.no_grad():
        fixed = bare.pipeline(bare.features([left, right]))["sentence_embedding"]
    for text, other in ((left, fixed[1:]), (right, fixed[:1])):
        features = bare.features([text])
        embeddings = bare.embedding(features["input_ids"]).detach()

        def score(given, mask, other=other):
            hidden = model(inputs_embeds=given, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            vectors = (hidden * weights).sum(1) / weights.sum(1)
            return torch.cosine_similarity(vectors, other)

        IntegratedGradients(score).attribute(
            embeddings,
            n_steps=STEPS,
            additional_forward_args=(features["attention_mask"],),
        )


def pair(asked):
    """One pair: each method against the limit, and against whyalike."""
    explainer = Explainer(MODEL, device=asked.device)
    bare = Bare(explainer.model.pipeline)
    rivals = open_rivals() if asked.rivals else {}
    found = {}
    for place, words in enumerate(asked.words):
        left, right = texts_of(words, 2, seed=words)
        quick = {
            "limit": lambda left=left, right=right: bare.pairs([(left, right)]),
            "whyalike": lambda left=left, right=right: explainer.explain(left, right),
            "bti": _by(explainer, "bti", left, right),
        }
        found[f"{words} words"] = summary(take_turns(quick, asked.rounds, warm=2), by="limit")
        say(f"{words} words: against the limit", found[f"{words} words"])
        slow = {
            "whyalike": quick["whyalike"],
            "occlusion": _by(explainer, "occlusion", left, right),
            f"Captum, IG of {STEPS}": lambda left=left, right=right: captum_gradients(
                bare, left, right
            ),
        }
        if words <= asked.jacobians:
            slow["integrated_jacobians"] = _by(explainer, "integrated_jacobians", left, right)
        slow |= {
            name: lambda ask=ask, left=left, right=right: ask(left, right)
            for name, ask in rivals.items()
        }
        key = f"{words} words, other methods"
        # What loads on first use has loaded with the first texts.
        timed = take_turns(slow, asked.slow_rounds, warm=0 if place else 1)
        found[key] = summary(timed, by="whyalike")
        say(f"{words} words: against whyalike", found[key])
        measuring.keep(asked.json, {"pair": found})
    return {"pair": found}


def _by(explainer, method, left, right):
    other = explainer.with_method(method)
    return lambda: other.explain(left, right)


def open_rivals():
    """Return functions that have a package in an environment of its own explain a pair."""
    from rival import open_rival

    from whyalike.models.locating import find_model

    found = {}
    for name in ("whymatched", "shap"):
        try:
            found[name] = open_rival(name, find_model(MODEL).folder)
        except (OSError, RuntimeError) as error:
            print(f"{name} is left out: it could not be installed or started")
            print(error, file=sys.stderr)
    return found


def batch(asked):
    """Pairs of mixed length: against bare rows by length, and against the padded loop."""
    explainer = Explainer(MODEL, device=asked.device)
    bare = Bare(explainer.model.pipeline)
    pairs = mixed_pairs(asked.pairs)
    by_length = sorted((text for pair in pairs for text in pair), key=lambda text: -len(text))
    bti = explainer.with_method("bti")
    runs = {
        "bare, rows by length": lambda: bare.rows(by_length),
        "bare, pairs as they come": lambda: bare.pairs(pairs),
        "whyalike": lambda: list(explainer.explain_many(pairs)),
        "bti": lambda: list(bti.explain_many(pairs)),
    }
    timed = take_turns(runs, asked.rounds)
    found = {}
    for by in ("bare, rows by length", "bare, pairs as they come"):
        found[by] = summary(timed, by=by)
        say(f"{len(pairs)} pairs of 8 to 90 words: against {by}", found[by])
    return {"batch": {"pairs": len(pairs), "against": found}}


def rank(asked):
    """A query of 8 words with passages of 30 to 90: explaining them, against as many pairs."""
    explainer = Explainer(MODEL, device=asked.device)
    query = texts_of(8, 1, seed=3)[0]
    passages = [pair[0] for pair in mixed_pairs(asked.passages, least=30, seed=4)]
    others = texts_of(8, asked.passages, seed=5)
    runs = {
        "as many pairs": lambda: list(
            explainer.explain_many(list(zip(others, passages, strict=True)))
        ),
        "one query": lambda: list(explainer.explain_many([(query, text) for text in passages])),
        "rank": lambda: explainer.rank(
            query, passages, explain=len(passages), sentences=False, method="whyalike"
        ),
        "rank, a fifth of them explained": lambda: explainer.rank(
            query, passages, explain=len(passages) // 5, sentences=False, method="whyalike"
        ),
        "rank, none explained": lambda: explainer.rank(query, passages, explain=0),
    }
    found = summary(take_turns(runs, asked.rounds), by="as many pairs")
    say(f"a query with {len(passages)} passages", found)
    return {"rank": {"passages": len(passages), "against": found}}


def length(asked):
    """Growth with length: two texts of so many tokens each, on a small random ModernBERT."""
    model, tokenizer = small_modernbert()
    explainer = Explainer((model, tokenizer), device=asked.device)
    embedding = model.get_input_embeddings()
    found = {}
    for tokens in asked.lengths:
        left, right = mixed_texts([tokens, tokens], seed=tokens)

        def bare(left=left, right=right, tokens=tokens):
            leaf = []

            def hook(_module, _inputs, output):
                leaf.append(output.detach().requires_grad_())
                return leaf[0]

            given = tokenizer(
                [left, right], truncation=True, max_length=tokens, return_tensors="pt", padding=True
            ).to(model.device)
            handle = embedding.register_forward_hook(hook)
            hidden = model(**given).last_hidden_state
            handle.remove()
            torch.autograd.grad(torch.cosine_similarity(*hidden.mean(1), dim=0), leaf[0])

        runs = {
            "limit": bare,
            "whyalike": lambda left=left, right=right: explainer.explain(left, right),
        }
        found[f"{tokens} words"] = summary(take_turns(runs, asked.slow_rounds), by="limit")
        say(f"{tokens} words a text, cut at 8,192 tokens", found[f"{tokens} words"])
    return {"length": found}


def small_modernbert():
    """A ModernBERT of 4 layers and 64 features with random weights, and a tokenizer of words."""
    from transformers import ModernBertConfig, ModernBertModel

    tokenizer = measuring.word_tokenizer(8192)
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=8192,
        local_attention=128,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
    )
    return ModernBertModel(config).eval().requires_grad_(False), tokenizer


def index(asked):
    """Building an index, files and all, against ``encode`` of the same texts."""
    from whyalike.catalogue import CatalogueIndex, Item

    explainer = Explainer(MODEL, device=asked.device)
    pipeline = explainer.model.pipeline
    texts = [text for pair in mixed_pairs(asked.texts // 2, seed=6) for text in pair]
    items = [Item(str(n), "", text) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(10**6))
        runs = {
            "sentence-transformers encode": lambda: pipeline.encode(texts, batch_size=32),
            "whyalike index": lambda: CatalogueIndex.build(
                items, Path(folder) / str(next(numbers)), model=explainer, fields=("description",)
            ),
        }
        found = summary(take_turns(runs, asked.rounds), by="sentence-transformers encode")
    say(f"an index of {len(texts)} texts of 8 to 90 words", found)
    return {"index": {"texts": len(texts), "against": found}}


PHASES = (
    ("tokens and words", "whyalike.explainer", "read_pairs"),
    ("tokens and words", "whyalike.models.encoder", "Encoder.tokenize"),
    ("model, forward", "whyalike.models.encoder", "Encoder._forward"),
    ("model, backward", "whyalike.models.encoder", "slopes_at_once"),
    ("model, backward", "whyalike.models.encoder", "slopes_at_ends"),
    ("model, backward", "whyalike.models.encoder", "slopes_of_group"),
    ("matching", "whyalike.assembly", "match"),
    ("selection", "whyalike.assembly", "select_pairs"),
    ("objects", "whyalike.explainer", "assemble"),
    ("answers as JSON, checked", "whyalike.web.api.served", "_answer_of"),
)
"""What is watched, outer before inner: matching and selection are called by ``assemble``."""

REST = "saliency of words, batches, files, queue"


def places_of_phases():
    """Return each phase with the module or class that has its function, and the function's name."""
    found = []
    for phase, module, name in PHASES:
        owner, _, last = name.rpartition(".")
        where = importlib.import_module(module)
        found.append((phase, getattr(where, owner) if owner else where, last))
    return found


def phases(asked):
    """Where explain_many, index, rank and serve spend the processor's time, on one thread."""
    torch.set_num_threads(1)
    explainer = Explainer(MODEL, device=asked.device)
    pairs = mixed_pairs(asked.pairs, seed=7)
    found = {}
    for name, run in works(explainer, pairs).items():
        run()  # What is made on first use is made here.
        shares = shares_of(run, asked.slow_rounds)
        model = shares["model, forward"] + shares["model, backward"]
        found[name] = {"shares": shares, "not the model": 1 - model}
        print(f"\n{name}")
        for phase, share in shares.items():
            print(f"{phase:42}{share:8.1%}")
        print(f"{'all but the model':42}{1 - model:8.1%}", flush=True)
        first = found["explain_many"]
        others = {other: one for other, one in found.items() if one is not first}
        kept = {"phases": {"pairs": len(pairs), **first, "others": others}}
        measuring.keep(asked.json, kept)
    return kept


def works(explainer, pairs):
    """Return what is watched by its name: each takes texts of the same pairs."""
    from whyalike.catalogue import CatalogueIndex, Item

    items = [Item(str(n), "", text) for n, pair in enumerate(pairs) for text in pair[:1]]
    query = texts_of(8, 1, seed=3)[0]
    passages = [text for _, text in pairs]

    def index():
        with tempfile.TemporaryDirectory() as folder:
            CatalogueIndex.build(items, Path(folder), model=explainer, fields=("description",))

    return {
        "explain_many": lambda: list(explainer.explain_many(pairs)),
        "index": index,
        "rank": lambda: explainer.rank(query, passages, method="whyalike"),
        "serve": served(explainer, pairs),
    }


def served(explainer, pairs, clients=32):
    """Return a function that asks a server's app for pairs, so many at once; no bytes are sent."""
    import asyncio

    from whyalike.web.api.asking import ServiceLimits
    from whyalike.web.api.service import Service
    from whyalike.web.serving import create_explorer_app

    app = create_explorer_app(Service({MODEL: explainer}, limits=ServiceLimits(kept_bytes=0)))
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/api/v1/explain", "raw_path": b"/api/v1/explain",
        "query_string": b"", "root_path": "", "headers": [*headers, (b"accept-encoding", b"gzip")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def ask(pair):
        body = json.dumps({"left": pair[0], "right": pair[1], "check": 0}).encode()
        came, statuses = [{"type": "http.request", "body": body, "more_body": False}], []

        async def receive():
            return came.pop() if came else await asyncio.Event().wait()

        async def send(message):
            statuses.append(message.get("status", 200))

        await app({**scope, "headers": list(scope["headers"])}, receive, send)
        assert set(statuses) == {200}, statuses

    async def ask_all():
        left = iter(pairs)

        async def client():
            for pair in left:
                await ask(pair)

        await asyncio.gather(*(client() for _ in range(clients)))

    return lambda: asyncio.run(ask_all())


def shares_of(run, rounds):
    """Return the parts of a run's processor time that phases take, in whichever thread."""
    spent, stacks, replaced = defaultdict(float), threading.local(), []
    for phase, where, last in places_of_phases():
        replaced.append((where, last, getattr(where, last)))
        setattr(where, last, _watched(phase, getattr(where, last), spent, stacks))
    try:
        began = time.process_time()
        for _ in range(rounds):
            run()
        whole = time.process_time() - began
    finally:
        for where, name, plain in reversed(replaced):
            setattr(where, name, plain)
    shares = {phase: spent[phase] / whole for phase, *_ in PHASES}
    shares[REST] = 1 - sum(shares.values())
    return shares


def _watched(phase, plain, spent, stacks):
    """Return a function that adds its time to a phase, without that of phases inside it."""

    def run(*args, **named):
        began = time.thread_time()
        open_ = stacks.__dict__.setdefault("open", [])
        open_.append(0.0)
        try:
            return plain(*args, **named)
        finally:
            taken = time.thread_time() - began
            spent[phase] += taken - open_.pop()
            if open_:
                open_[-1] += taken

    return run


PARTS = {one.__name__: one for one in (pair, batch, rank, length, index, phases)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--words", type=int, nargs="+", default=[20, 60, 150])
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--passages", type=int, default=50)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 2048, 8192])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--slow-rounds", type=int, default=3)
    parser.add_argument("--rivals", action="store_true", help="other packages, installed for it")
    parser.add_argument(
        "--jacobians", type=int, default=20, help="most words for which these are integrated, too"
    )
    parser.add_argument("--threads", type=int, help="of torch; by default as many as it takes")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where there is a GPU")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    measuring.keep(asked.json, PARTS[asked.part](asked))


if __name__ == "__main__":
    main()
