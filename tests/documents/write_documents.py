"""Write one of every document that whyalike stores, to be kept for ever: see README.md beside this.

    PYTHONPATH=src:tests:tests/training python tests/documents/write_documents.py FOLDER

Texts are ours; models are tiny, or count letters.
"""

import json
import shutil
import sqlite3
import sys
from contextlib import chdir, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tiny_models import tiny
from whyalike import BTIOptions, CatalogueIndex, Explainer, Item
from whyalike.catalogue import explain_hits
from whyalike.catalogue.similar_page import explain_all, search_to_dict
from whyalike.cli.evaluate import write_reports
from whyalike.diagnosing import LabelledQuery, audit, diagnose, diff_models
from whyalike.evaluation import find_blind_spots
from whyalike.evaluation.gold import AlignedPair
from whyalike.evaluation.suite import Datasets, run_suite
from whyalike.explanation import explanations_to_dict
from whyalike.study.creation import create_study
from whyalike.study.engine import Answer
from whyalike.study.export import export_ratings
from whyalike.study.options import StudyOptions
from whyalike.study.ratings import from_storage
from whyalike.study.storage import open_storage
from whyalike.training import TrainingSettings, train_recobert

LEFT = "Keep hands warm with knit gloves and ribbed cuffs."
RIGHT = "These smart gloves are cut from stretch wool."
WORSE = "Pale straw, this opens with lemon zest."
PASSAGE = (
    "# Gloves\n\nSoft wool gloves are warm. They are cut from stretch wool, 🧤 and knit by hand. "
    "Red wine is soft.\n\n## Hats\n\nWarm hats are red."
)
NOUNS = ("wine", "glass", "stone", "river", "house", "garden")
WORDS = ("gloves", "wool", "warm", "red", "wine", "lemon", "soft", "knit")
PAIRS = [
    ("warm gloves of wool and more", "soft gloves of knit wool"),
    ("red wine and lemon here", "the wine is red and soft"),
    ("knit wool gloves", "wool gloves that are warm and red"),
]
ALIGNED = [
    AlignedPair("a", "warm gloves", "gloves warm", frozenset({(0, 1), (1, 0)})),
    AlignedPair("b", "red wine", "wine here", frozenset({(1, 0)})),
]


def letters(texts):
    return [[text.count(letter) + 0.1 for letter in "aeioulnrst"] for text in texts]


def counts(texts):
    return [[float(text.lower().split().count(word)) for word in WORDS] + [0.05] for text in texts]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def explanations(out: Path) -> None:
    bert = tiny("bert")
    options = BTIOptions(top_k=1, bandwidth=0.25, words="pretoken", seed=5)
    explainer = Explainer(bert.parts, options=options)
    write(out / "explanation-bti.json", explainer.explain(LEFT, RIGHT).to_json(indent=1))
    signed = explainer.with_method("token_similarity").explain(LEFT, RIGHT)
    write(out / "explanation-token_similarity.json", signed.to_json(indent=1))
    own = explainer.with_method("whyalike")
    long = own.explain("knit gloves " * 100, "A crème brûlée 🧤 ok")
    write(out / "explanation-cut.json", long.to_json())
    write(out / "comparison.json", own.compare(LEFT, RIGHT, WORSE).to_json(indent=1))
    both = [explainer.with_method(name).explain(LEFT, RIGHT) for name in ("random", "whyalike")]
    several = explanations_to_dict(both, left_out={"tfidf_w2v": "no word vectors"})
    write(out / "explanations.json", json.dumps(several, indent=1))


def index(out: Path) -> None:
    items = [
        Item(f"i{n}", title, text, {"price": price, "kind": kind, "sold": n == 1})
        for n, (title, text, price, kind) in enumerate(
            [
                ("Gloves", "Warm knit gloves", 12.5, "glove"),
                ("Mittens", "Woollen mittens, warm", 8, "glove"),
                ("Rioja", "Red wine from Rioja", None, "wine"),
            ]
        )
    ]
    made = CatalogueIndex.build(
        items, out / "index", model=Explainer(embed=letters), name="shop", fields=("description",)
    )
    made = made.add([Item("i3", "Scarf", "A warm scarf", {"price": 3})]).remove(["i2"])
    with suppress(FileNotFoundError):
        (out / "index" / "lock.sqlite").unlink()
    hits = made.similar(id="i0", k=2, where="price < 20")
    assert len(explain_hits(hits)) == 2
    found = search_to_dict(made, made["i0"], hits, explain_all(hits), k=2, where="price < 20")
    write(out / "similar.json", json.dumps(found, indent=1))


def passages(out: Path) -> None:
    explainer = Explainer(tiny("bert").parts)
    found = explainer.highlight("soft wool gloves", PASSAGE, budget=12)
    write(out / "highlights.json", found.to_json(indent=1))
    by_chunks = explainer.with_options(BTIOptions(long_text="chunks", chunk_size=12))
    ranking = by_chunks.rank(
        "soft wool gloves", [WORSE, PASSAGE, RIGHT], right="1", sizes=(8, "whole"), explain=2
    )
    write(out / "ranking.json", ranking.to_json(indent=1))
    units = explainer.explain(LEFT, PASSAGE, unit="sentence", check=1)
    write(out / "units.json", units.to_json(indent=1))


def reports(out: Path, scratch: Path) -> None:
    items = [
        Item("lid", "Lids", "Lids are red and wool is below warm desks. Soft wine lemon knit."),
        Item("lamp", "Lamps", "soft lamp wine"),
        Item("wool", "Soft wool", "warm wool"),
        Item("wine", "Wine", "red wine"),
    ]
    queries = [
        LabelledQuery("miss", "soft lemon wine", ("lid",)),
        LabelledQuery("hit", "red wine", ("wine",)),
    ]
    model = Explainer(embed=counts)
    found = diagnose(queries, passages=items, model=model, k=1, chunks=())
    write(out / "diagnosis.json", found.to_json(indent=1))
    index = CatalogueIndex.build(items, scratch / "audited", model=model, name="shop")
    write(out / "audit.json", audit(index, neighbours=2).to_json(indent=1))
    moved = diff_models(Explainer(embed=letters), model, PAIRS)
    write(out / "difference.json", moved.to_json(indent=1))


def evaluation(out: Path) -> None:
    folder = out / "evaluation"
    data = Datasets(pairs={"shop": PAIRS}, alignments={"gold": ALIGNED})
    board = run_suite(
        Explainer(embed=counts), data, methods=["random", "occlusion"], folder=folder / "results"
    )
    write_reports(board, folder, command="whyalike evaluate", texts=data.texts())
    for name in ("leaderboard.md", "leaderboard.html"):
        (folder / name).unlink()
    probe = find_blind_spots(
        Explainer(embed=letters),
        ["The room is warm.", "It is not cheap."],
        explain=9,
        tolerance=1.0,
    )
    write(out / "probe.json", probe.to_json(indent=1))


def study(out: Path) -> None:
    pairs = [
        (f"The {noun} of the old man, near a {other}.", f"A {noun}, and the {other} of a lady.")
        for noun in NOUNS
        for other in NOUNS[:2]
        if noun != other
    ]
    folder = out / "study"
    made = create_study(
        Explainer(embed=letters),
        pairs,
        methods=("random", "occlusion"),
        folder=folder,
        options=StudyOptions(seed=7, count=4),
    )
    storage = open_storage(made)
    rater = storage.add_rater("Anna")
    storage.consent(rater.rater_id)
    first = made.practice[0].id
    shown = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
    for key, value in (("one", 4), ("two", 5)):
        answer = Answer(
            position=0,
            stimulus_id=first,
            value=value,
            client_key=key,
            comment="=sure, why not",
            shown_at=shown,
            answered_at=shown + timedelta(seconds=7.5),
        )
        storage.record_many(rater.rater_id, [answer])
    export_ratings(from_storage(made, storage), out / "ratings.csv")
    storage.close()
    with closing(sqlite3.connect(folder / "study.db")) as database:
        write(out / "study.sql", "\n".join(database.iterdump()) + "\n")
    for path in folder.glob("study.db*"):
        path.unlink()


def training(out: Path, scratch: Path) -> None:
    from training_catalogue import save_base, some_items

    save_base(scratch / "tiny-base")
    settings = TrainingSettings(
        max_steps=3, looks=3, batch_size=4, max_length=64, watched=0.1, held_out=0.2
    )

    def keep(now) -> None:
        run = scratch / "model.unfinished" / "run.json"
        if run.is_file() and not (out / "training" / "run.json").exists():
            write(out / "training" / "run.json", run.read_text(encoding="utf-8"))

    with chdir(scratch):  # So that no path of this machine is in them.
        train_recobert(
            some_items(), out=scratch / "model", base="tiny-base", settings=settings, progress=keep
        )
    for name in ("training.json", "README.md"):
        write(out / "training" / name, (scratch / "model" / name).read_text(encoding="utf-8"))


def main(folder: str) -> None:
    out = Path(folder).resolve()
    scratch = out / "scratch"
    scratch.mkdir(parents=True)
    explanations(out)
    index(out)
    passages(out)
    reports(out, scratch)
    evaluation(out)
    study(out)
    training(out, scratch)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main(sys.argv[1])
