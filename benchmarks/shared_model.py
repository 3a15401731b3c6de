"""Many threads share one model: explanations beside a thread that encodes, counted right or wrong.

    python benchmarks/shared_model.py [threads] [calls of each thread and method]

Prints, for each method, how many explanations and vectors were right, wrong, or raised.
"""

import collections
import os
import sys
import threading

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from whyalike import BTIOptions, Explainer
from whyalike.models.locating import find_model

METHODS = ("bti", "whyalike", "token_similarity", "occlusion", "gradient_x_activation")
PAIRS = [
    ("Where can I find cheap red shoes this winter?", "Inexpensive crimson footwear for the cold."),
    ("How do I get my money back?", "A full refund is paid within seven days."),
    ("warm knit gloves", "woollen mittens for cold hands, and a scarf that goes with them"),
]
DOCUMENTS = ["Cheap flights to the south of France.", "Which of these hotels has a pool?", "gloves"]


def same(one, other) -> bool:
    return abs(one.similarity - other.similarity) < 1e-5 and all(
        abs(mine.saliency - theirs.saliency) < 1e-3
        for sides in ((one.left, other.left), (one.right, other.right))
        for mine, theirs in zip(*(side.words for side in sides), strict=True)
    )


def main(threads: int = 8, calls: int = 200) -> None:
    torch.set_num_threads(1)
    model = SentenceTransformer(str(find_model("all-MiniLM-L6-v2").folder), device="cpu")
    right = model.encode(DOCUMENTS)
    for method in METHODS:
        explainer = Explainer(model, method=method, options=BTIOptions())
        expected = [explainer.explain(*pair) for pair in PAIRS]
        seen: collections.Counter[str] = collections.Counter()
        done = threading.Event()

        def explain(first, explainer=explainer, expected=expected, seen=seen):
            for n in range(first, first + calls):
                try:
                    found = explainer.explain(*PAIRS[n % len(PAIRS)])
                    good = same(found, expected[n % len(PAIRS)])
                    seen[f"explained {'right' if good else 'WRONG'}"] += 1
                except Exception as error:
                    seen[f"explain raised {type(error).__name__}"] += 1

        def encode(seen=seen, done=done):
            while not done.is_set():
                try:
                    good = np.abs(model.encode(DOCUMENTS) - right).max() < 1e-5
                    seen[f"encoded {'right' if good else 'WRONG'}"] += 1
                except Exception as error:
                    seen[f"encode raised {type(error).__name__}"] += 1

        workers = [threading.Thread(target=explain, args=(n,)) for n in range(threads)]
        encoding = threading.Thread(target=encode)
        for thread in (*workers, encoding):
            thread.start()
        for thread in workers:
            thread.join()
        done.set()
        encoding.join()
        print(f"{method:22}", dict(sorted(seen.items())), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
