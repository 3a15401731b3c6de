"""Another package explains a pair, in an environment of its own, and says how long it took.

``open_rival("shap", folder)`` makes ``build/rivals/shap`` once, or ``shap`` in the folder that
WHYALIKE_RIVALS names: a virtual environment that sees the packages of this one (so that torch and
the weights are the same) and has the package besides, with the versions of constraints.txt. The
process there loads the model and answers a line of JSON for each pair, with its seconds of the
processor and of the clock, so that it takes turns with what runs here.

    python benchmarks/rival.py make [shap whymatched]     only makes the environments
"""

import atexit
import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

PACKAGES = {"shap": "shap>=0.46", "whymatched": "whymatched==0.3.0", "ray": "ray[data]>=2.60,<2.64"}
ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("WHYALIKE_RIVALS") or ROOT / "build" / "rivals")
STEPS = 50


def open_rival(name, model):
    """Return a function of two texts to the seconds (processor, clock) that the package took.

    Raises OSError or RuntimeError where the package can't be installed or does not start.
    """
    python = environment(name)
    import torch

    process = subprocess.Popen(
        [python, __file__, name, str(model), str(torch.get_num_threads())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONWARNINGS": "ignore", "HF_HUB_OFFLINE": "1"},
    )
    atexit.register(process.kill)
    if answer(process) != "ready":
        raise RuntimeError("its process ended while it started")

    def ask(left, right):
        process.stdin.write(json.dumps([left, right]) + "\n")
        process.stdin.flush()
        used, taken = answer(process)
        return float(used), float(taken)

    return ask


def answer(process):
    """Return what the next line of its own says; packages may print lines besides."""
    for line in process.stdout:
        if line.startswith("= "):
            return json.loads(line[2:])
    raise RuntimeError(f"its process ended with {process.wait()}")


def environment(name) -> str:
    """Return the Python of the package's own environment, which is made where there is none."""
    folder = FOLDER / name
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    if not (folder / "made").exists():
        venv.create(folder, with_pip=False, clear=True)
    # Each time: it may have been made from an environment that is gone.
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (own / "parent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if not (folder / "made").exists():
        said = subprocess.run(
            [
                *(python, "-m", "pip", "install", "-q", "--disable-pip-version-check"),
                *("-c", str(ROOT / "constraints.txt"), PACKAGES[name]),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode:
            raise RuntimeError(said.stderr.strip().splitlines()[-1])
        (folder / "made").touch()
    return python


def explain_by_whymatched(folder):
    from whymatched import LocalModel
    from whymatched.attribution.gradient import gradient_attribution

    model = LocalModel(folder)
    return lambda left, right: gradient_attribution(model, left, right, n_steps=STEPS)


def explain_by_shap(folder):
    """SHAP's permutation explainer: one order of the tokens and its reverse, a text at a time."""
    import shap
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    masker = shap.maskers.Text(model.tokenizer)

    def explain(left, right):
        for text, other in ((left, right), (right, left)):
            fixed = model.encode([other], convert_to_tensor=True, show_progress_bar=False)

            def score(texts, fixed=fixed):
                found = model.encode(
                    list(texts), convert_to_tensor=True, show_progress_bar=False, batch_size=32
                )
                return torch.cosine_similarity(found, fixed).cpu().numpy()

            tokens = len(model.tokenizer(text)["input_ids"])
            explainer = shap.Explainer(score, masker, algorithm="permutation", seed=0)
            explainer([text], max_evals=2 * tokens + 1, silent=True)

    return explain


def main() -> None:
    if sys.argv[1:2] == ["make"]:
        for name in sys.argv[2:] or PACKAGES:
            print(f"{name}: {environment(name)}")
        return
    import torch

    name, folder, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    explain = {"shap": explain_by_shap, "whymatched": explain_by_whymatched}[name](folder)
    print('= "ready"', flush=True)
    for line in sys.stdin:
        left, right = json.loads(line)
        used, began = time.process_time(), time.perf_counter()
        explain(left, right)
        taken = [time.process_time() - used, time.perf_counter() - began]
        print(f"= {json.dumps(taken)}", flush=True)


if __name__ == "__main__":
    main()
