"""Small studies for the tests of the rating app, made without a model, and a client for them."""

import re
from dataclasses import asdict
from pathlib import Path

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.study.folder import Freezer, entry_of, read_study, write_study
from whyalike.study.model import QUESTION, SCALE, Check, PlanSettings, Practice, Stimulus

# Names that stand nowhere in our pages, so that finding one means something.
METHODS = ("bti_last_layer", "tfidf_w2v", "vanilla_gradients")
TEXTS = [
    (
        "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips.",
        "These smartphone-friendly gloves let you text without taking them off.",
    ),
    (
        "A linen shirt with a relaxed fit, made for hot days by the sea.",
        "Light cotton shirt, loose cut, cool in summer.",
    ),
    (
        "Waterproof hiking boots with a firm grip on wet rock.",
        "These trail shoes keep your feet dry and do not slip.",
    ),
    ("Ein warmer Schal aus Wolle.", "وشاح صوفي دافئ للشتاء"),
]
WHY = "Every word is paired with its like."
HOME = "http://127.0.0.1"


def explain(left, right, *, weights=(0.2, 0.9)):
    """An explanation whose words weigh by turns as ``weights``, and that pairs words in order."""
    sides = []
    for text in (left, right):
        words, at = [], 0
        for n, word in enumerate(text.split()):
            start = text.index(word, at)
            at = start + len(word)
            words.append(Word(word, start, at, weights[n % len(weights)]))
        sides.append(ExplainedText(text, tuple(words)))
    count = min(4, *(len(side.words) for side in sides))
    pairs = tuple(WordPair(n, n, 0.9 - n / 10, 0.8 - n / 10) for n in range(count))
    return Explanation(
        similarity=0.61,
        similarity_function="cosine",
        method="",
        model="",
        pooling="model",
        left=sides[0],
        right=sides[1],
        pairs=pairs,
        matches=pairs,
    )


def make_study(
    folder, *, texts=TEXTS, methods=METHODS, practice=1, checks=1, repeats=1, per_rater=None
):
    """A frozen study on disk of every text by every method."""
    freezer = Freezer(b"key")

    def frozen(name, explanation):
        id, digest = freezer.freeze(name, explanation)
        return id, explanation, digest

    stimuli, easy, guards = [], [], []
    for sample, pair in enumerate(texts):
        for m, method in enumerate(methods):
            id, shown, digest = frozen(f"{sample}/{method}", explain(*pair, weights=(0.1 * m, 0.9)))
            stimuli.append(Stimulus(id, sample, method, shown, digest))
    for n in range(practice):
        id, shown, digest = frozen(f"practice {n}", explain(*texts[n % len(texts)]))
        easy.append(Practice(id, shown, 4, 5, WHY, digest))
    for n in range(checks):
        id, shown, digest = frozen(f"check {n}", explain(f"A red bus {n}", "The sum of two"))
        guards.append(Check(id, shown, 1, 2, "Nonsense.", None, digest))
    manifest = {
        "seed": 7,
        "question": QUESTION,
        "scale": list(SCALE),
        "methods": list(methods),
        "model": "a model",
        "fingerprint": "f",
        "versions": {},
        "settings": {},
        "plan": asdict(PlanSettings(per_rater, checks, repeats)),
        "samples": len(texts),
        "stimuli": [entry_of(one) for one in stimuli],
        "practice": [entry_of(one) for one in easy],
        "checks": [entry_of(one) for one in guards],
    }
    write_study(Path(folder), manifest, freezer.files)
    return read_study(folder)


def fields_of(page):
    """The hidden fields of the page's only form."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))


def enter(client, token):
    """Accept an invitation and give consent; return the first screen."""
    page = client.post("/enter", data={"token": token})
    page = client.post("/consent", data={**fields_of(page), "agree": "yes"})
    assert page.url.path.startswith("/rate/"), page.text
    return page


def answer(client, page, value, **other):
    """Answer the screen ``page`` as a form does, and return the next screen."""
    page = client.post(page.url.path, data={**fields_of(page), "value": value, **other})
    return client.get("/rate") if page.url.path.endswith("/answer") else page


def values(storage, rater, *, history=False):
    """What the rater has answered, as (position, value)."""
    rows = storage.all_ratings(history=history)
    return [(row.position, row.value) for row in rows if row.rater_id == rater.rater_id]
