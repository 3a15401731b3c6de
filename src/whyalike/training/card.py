"""The README of a trained model: what it learnt from, how, and what came of it."""

from whyalike.training.result import ModelFigures, TrainingResult
from whyalike.versions import package_versions

OBJECTIVES = {
    "drawn": "binary cross-entropy of (1 + cos) / 2 of title and description, where half of the "
    "titles are shown with the description of another item (Malkiel et al. 2020)",
    "all": "the same, over every title with every description of a batch",
    "ranking": "cross-entropy of finding a title's description among those of the batch",
}
_ENCODINGS = {
    "joint": "in one sequence, as in the RecoBERT paper",
    "separate": "each in a sequence of its own, as they are embedded after training",
}

_CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, sentence-similarity, recobert, whyalike]
---

# Item similarity learnt from {catalogue}

Embeds titles and descriptions of items so that their cosine says how alike two items are. Trained
from `{base}` without labels, on {trained} items of {catalogue} ({items} have a title and a
description; {watched} told when to stop, {held_out} were kept for the figures below).

## How it was trained

- Title and description: {encoding}; {objective}.
- Masked-language loss: {masked}.
- Step {best_step} of {steps} was kept: batches of {batch_size}, learning rate {learning_rate}.
- Seed {seed}; all settings stand in `training.json`.
- An embedding is the mean of a text's token vectors without special tokens.
{notes}
## Figures on the held-out items

Each held-out title looks for its own description among those of the whole catalogue, both embedded
alone. MPR: mean percentile rank, 0 is best. Same kind: the nearest other description is of an item
of the same kind.

{table}

## Use it

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("this folder")
model.similarity(model.encode("a title or a description"), model.encode("another"))
```

Why it finds two texts alike, with [whyalike](https://pypi.org/project/whyalike/):

```python
from whyalike import Explainer

print(Explainer("this folder").explain("a text", "another"))
```

Made with {versions}.
"""


def write_card(result: TrainingResult) -> str:
    """Return the card, in Markdown."""
    settings = result.settings
    weight = settings["mlm_weight"]
    return _CARD.format(
        catalogue=result.catalogue,
        base=result.base,
        trained=result.trained,
        items=result.items,
        watched=result.watched,
        held_out=result.held_out,
        encoding=_ENCODINGS[settings["encoding"]],
        objective=OBJECTIVES[settings["negatives"]],
        masked=f"{settings['mask']:.0%} of tokens, weight {weight:g}" if weight else "none",
        best_step=result.best_step,
        steps=result.steps,
        batch_size=settings["batch_size"],
        learning_rate=f"{settings['learning_rate']:g}",
        seed=settings["seed"],
        notes="".join(f"- {note}\n" for note in result.notes),
        table=figures_table(result.figures) if result.figures else "No items were held out.",
        versions=", ".join(f"{name} {said}" for name, said in package_versions().items()),
    )


COLUMNS = ("model", "MRR", "MPR", "HR@1", "HR@10", "HR@100", "same kind")


def figures_rows(figures: tuple[ModelFigures, ...]) -> list[tuple[str, ...]]:
    """Return a row of texts for each model, as COLUMNS names them."""
    rows = []
    for model in figures:
        found = model.retrieval
        numbers = [found.mrr, found.mpr, found.hit_1, found.hit_10, found.hit_100]
        kind = "–" if model.same_kind is None else f"{model.same_kind:.3f}"
        rows.append((model.name, *(f"{number:.3f}" for number in numbers), kind))
    return rows


def figures_table(figures: tuple[ModelFigures, ...]) -> str:
    """Return the same as a Markdown table."""
    lines = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1)), *figures_rows(figures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
