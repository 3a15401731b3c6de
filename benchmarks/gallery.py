"""The gallery: pairs of our own example catalogues, explained by several models.

For each pair the explanation (Malkiel et al. 2022, Fig. 3), and the same beside one by a model
with random weights (Fig. 4). Writes PNG files into docs/gallery/, and tables into its README.md
below the line that says so; what stands above that line is left as it is.

Run with: python benchmarks/gallery.py [--wine FOLDER] [--fashion FOLDER] [--out docs/gallery]
where a FOLDER holds a model trained on wines or on fashion (`whyalike train`). all-MiniLM-L6-v2 is
always shown.
"""

import argparse
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from whyalike import Explainer, Explanation
from whyalike.catalogue import Catalogue
from whyalike.evaluation.figures import RandomizedPair, draw_randomized_pair, randomized_pair
from whyalike.files import write_whole
from whyalike.render import draw_figure

BASE = "all-MiniLM-L6-v2"
DPI = 110
SEEDS = 5
CATEGORY = {"wine": "variety", "fashion": "type"}
BELOW = "<!-- Below this line, everything is written by benchmarks/gallery.py. -->"


@dataclass(frozen=True)
class Shown:
    """A pair of items, and why it is in the gallery."""

    catalogue: str
    left: str
    right: str
    why: str

    @property
    def name(self):
        return f"{self.left}-{self.right}".lower()


PAIRS = (
    Shown("wine", "W31", "W32", "Two Syrahs of one house: violets, smoke and pepper."),
    Shown("wine", "W14", "W15", "Two dry Rieslings, said in different words."),
    Shown("wine", "W39", "W41", "Two Chardonnays from new oak; one never says what it is."),
    Shown("fashion", "F15", "F17", "Two white sneakers: one of calfskin, one of apple waste."),
    Shown("fashion", "F25", "F56", "A rain jacket and a rain hat: one purpose, two things."),
    Shown("fashion", "F09", "F59", "A false friend: boots and a cover, both of sheepskin."),
)


def main():
    """Draw the figures of every pair and model, and write the tables."""
    wanted = read_arguments()
    out = Path(wanted.out)
    out.mkdir(parents=True, exist_ok=True)
    sections = []
    for catalogue in CATEGORY:
        items = Catalogue.example(catalogue)
        folder = getattr(wanted, catalogue)
        models = {"MiniLM": Explainer(BASE, method=wanted.method)}
        if folder is not None:
            models["trained"] = Explainer(folder, method=wanted.method)
        sections.append(f"## {catalogue.capitalize()}\n\n{tell_neighbours(items, models)}")
        for shown in (pair for pair in PAIRS if pair.catalogue == catalogue):
            sections.append(show_pair(shown, items, models, out))
    write_page(out / "README.md", "\n\n".join(sections) + "\n")
    for path in sorted(out.glob("*.png")):
        print(f"{path.name:32} {path.stat().st_size / 1024:6.1f} KB")


def read_arguments():
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for catalogue in CATEGORY:
        parser.add_argument(f"--{catalogue}", metavar="FOLDER", help="a model trained on it")
    parser.add_argument("--method", default="bti", help="what explains; bti by default")
    parser.add_argument(
        "--out", default=str(Path(__file__).parents[1] / "docs" / "gallery"), metavar="FOLDER"
    )
    return parser.parse_args()


def show_pair(shown, items, models, out):
    """Draw one pair by each model; returns its part of the page."""
    left, right = items[shown.left], items[shown.right]
    rows, pictures = [], []
    for label, explainer in models.items():
        pairs = [
            randomized_pair(explainer, left.description, right.description, seed=seed)
            for seed in range(SEEDS)
        ]
        rows.append(tell_row(label, pairs))
        first = renamed(pairs[0], BASE if label == "MiniLM" else f"RecoBERT, {shown.catalogue}")
        links = []
        for kind, draw in (("explained", draw_explanation), ("random", draw_randomized_pair)):
            path = out / f"{shown.name}-{label.lower()}-{kind}.png"
            write_small(path, lambda stream, draw=draw, first=first: draw(first, stream, **PNG))
            links.append(f"![{shown.left} and {shown.right}, {kind}, {label}]({path.name})")
        pictures += [
            links[0],
            f"<details><summary>{label}: the same beside random weights</summary>",
            links[1],
            "</details>",
        ]
    table = "\n".join([HEAD, *rows])
    return "\n\n".join([f"### {left.title} – {right.title}", shown.why, table, *pictures])


HEAD = """\
| model | cosine | best pairs | random weights: cosine | Spearman | shared pairs |
|---|---|---|---|---|---|"""
PNG = {"format": "png", "dpi": DPI}


def draw_explanation(pair, stream, **settings):
    """Draw the trained model's explanation alone."""
    draw_figure(pair.trained, stream, **settings)


def renamed(pair: RandomizedPair, name: str) -> RandomizedPair:
    """Give the model a name that says what it is, instead of the folder that it lay in."""
    trained, randomised = (
        replace(explanation, model=name) for explanation in (pair.trained, pair.randomised)
    )
    return replace(pair, trained=trained, randomised=randomised)


def tell_row(label, pairs):
    """Return a row of the table: the trained model, and the mean over random weights."""
    trained = pairs[0].trained
    cosines = [pair.randomised.similarity for pair in pairs]
    spearman = [pair.agreement["spearman"] for pair in pairs]
    shared = [pair.agreement["jaccard_pairs"] for pair in pairs]
    best = ", ".join(f"{a}–{b}" for a, b in best_pairs(trained)) or "none"
    return (
        f"| {label} | {trained.similarity:.2f} | {best} | {np.mean(cosines):.2f} "
        f"| {np.nanmean(spearman):.2f} | {np.nanmean(shared):.2f} |"
    )


def best_pairs(explanation: Explanation, most=6):
    """Return the words of the best pairs, each pair of spellings once."""
    words = [
        (explanation.left.words[pair.left].text, explanation.right.words[pair.right].text)
        for pair in explanation.pairs
    ]
    return list(dict.fromkeys(words))[:most]


def tell_neighbours(items, models):
    """Return how often the nearest item, by description, is of the same kind."""
    kinds = np.array([item.metadata[CATEGORY[items.name]] for item in items])
    said = []
    for label, explainer in models.items():
        vectors = explainer.model.embed([item.description for item in items])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors @ vectors.T
        others = cosines[~np.eye(len(kinds), dtype=bool)]
        np.fill_diagonal(cosines, -np.inf)
        same = float(np.mean(kinds == kinds[cosines.argmax(1)]))
        said.append(f"{label} {same:.2f} (mean cosine of two items {others.mean():.2f})")
    return (
        f"Nearest of the {len(kinds)} items by description is of the same "
        f"{CATEGORY[items.name]}: {'; '.join(said)}."
    )


def write_small(path, draw):
    """Write a PNG with a palette of 128 colours: a third of the size, and no visible change."""
    drawn = io.BytesIO()
    draw(drawn)
    image = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    write_whole(path, lambda stream: image.save(stream, format="PNG", optimize=True))


def write_page(path, text):
    """Put ``text`` below the line, and keep what stands above it."""
    above = path.read_text(encoding="utf-8").split(BELOW)[0] if path.exists() else "# Gallery\n\n"
    page = f"{above}{BELOW}\n\n{text}".encode()
    write_whole(path, lambda stream: stream.write(page))


if __name__ == "__main__":
    main()
