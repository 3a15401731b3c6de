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
    python benchmarks/limit.py phases [--pairs 128]                  where explain_many spends time

All take --rounds, --threads, --device (cpu, cuda), --json FILE.
"""

import argparse
import sys
import tempfile
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
    for words in asked.words:
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
        if words <= 60 or not asked.quick:
            slow["integrated_jacobians"] = _by(explainer, "integrated_jacobians", left, right)
        slow |= {
            name: lambda ask=ask, left=left, right=right: ask(left, right)
            for name, ask in rivals.items()
        }
        key = f"{words} words, other methods"
        found[key] = summary(take_turns(slow, asked.slow_rounds), by="whyalike")
        say(f"{words} words: against whyalike", found[key])
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
            print(f"{name} is left out: {error}", file=sys.stderr)
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
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({word.lower() for word in measuring.words_of_examples()})
    own = Tokenizer(models.WordLevel({w: n for n, w in enumerate([*names, *words])}, "[UNK]"))
    own.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=own,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=8192,
    )
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=len(names) + len(words),
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


PHASES = {
    "tokens and words": ("whyalike.explainer", "read_pairs"),
    "model, forward": ("whyalike.models.encoder", "Encoder._forward"),
    "model, backward": ("whyalike.models.encoder", "slopes_at_once"),
    "matching": ("whyalike.assembly", "match"),
    "selection": ("whyalike.assembly", "select_pairs"),
    "objects": ("whyalike.explainer", "assemble"),
}
"""What is watched, outer before inner: matching and selection are called by ``assemble``."""


def phases(asked):
    """Where explain_many spends the time of the thread that calls it, by what it calls."""
    import importlib

    explainer = Explainer(MODEL, device=asked.device)
    pairs = mixed_pairs(asked.pairs, seed=7)
    list(explainer.explain_many(pairs[:8]))
    spent, open_ = defaultdict(float), []
    replaced = []
    for phase, (module, name) in PHASES.items():
        owner, _, last = name.rpartition(".")
        where = importlib.import_module(module)
        where = getattr(where, owner) if owner else where
        replaced.append((where, last, getattr(where, last)))
        setattr(where, last, _watched(phase, getattr(where, last), spent, open_))
    try:
        for _ in range(asked.slow_rounds):
            began = time.thread_time()
            list(explainer.explain_many(pairs))
            spent["whole"] += time.thread_time() - began
    finally:
        for where, name, plain in replaced:
            setattr(where, name, plain)
    whole = spent.pop("whole")
    shares = {phase: spent[phase] / whole for phase in PHASES}
    shares["saliency of words, batches"] = 1 - sum(shares.values())
    for phase, share in shares.items():
        print(f"{phase:34}{share:8.1%}")
    model = shares["model, forward"] + shares["model, backward"]
    print(f"{'all but the model':34}{1 - model:8.1%}")
    return {"phases": {"pairs": len(pairs), "shares": shares, "not the model": 1 - model}}


def _watched(phase, plain, spent, open_):
    """Return a function that adds its time to a phase, without that of phases inside it."""

    def run(*args, **named):
        began = time.thread_time()
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
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--threads", type=int, help="of torch; by default as many as it takes")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where there is a GPU")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    measuring.keep(asked.json, PARTS[asked.part](asked))


if __name__ == "__main__":
    main()
