"""Examples of questions and answers, as the OpenAPI document and its page show them."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import whyalike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whyalike.explainer import Explainer

HERE = "http://127.0.0.1:8000"
"""The origin in examples; the page puts its own there."""

_PASSAGES = {
    "query": "how to keep hands warm",
    "passages": [
        {"id": "p1", "text": "A silk scarf for summer. It is light."},
        {"id": "p2", "text": "Woollen gloves. They keep hands warm in winter."},
    ],
    "right": "p2",
}

QUESTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "explain": {
        "two texts": {
            "left": "How do I get my money back?",
            "right": "A full refund is paid within seven days.",
        },
        "another method, with an option": {
            "left": "warm gloves",
            "right": "woollen mittens",
            "method": "shapley",
            "options": {"permutations": 16},
        },
        "by sentences": {
            "left": "how to cancel",
            "right": "Cancel any time online. Our offices are open daily.",
            "unit": "sentence",
        },
    },
    "compare": {
        "a query and two texts": {
            "query": "how to cancel",
            "better": "Cancel any time online.",
            "worse": "Our offices are open daily.",
        }
    },
    "passages": {"which should be first": _PASSAGES},
    "estimate": {
        "of an explanation": {
            "left": "How do I get my money back?",
            "right": "A full refund is paid within seven days.",
            "method": "shapley",
        },
        "of a ranking": _PASSAGES,
    },
    "similar": {
        "by a text": {"text": "warm gloves", "k": 3},
        "by an item, filtered": {"id": "A17", "where": "price < 20"},
    },
    "rank": {"why is it not there": {"text": "warm gloves", "item": "A17"}},
}
"""By the name of the address, each with what it shows; the first is on the page."""

GETS: Mapping[str, str] = {
    "models": "",
    "methods": "",
    "items": "?limit=2",
    "item": "?id=A17",
    "health": "",
    "metrics": "",
}
"""Queries of addresses that are asked by GET."""


def in_curl_and_python(path: str, method: str) -> tuple[str, str]:
    """Return how to ask this address with curl, and with Python."""
    name, url = path.rsplit("/", 1)[-1], HERE + path
    if name == "batch":
        return _batch(url)
    if name in GETS:
        url += GETS[name]
        quoted = f"'{url}'" if "?" in url else url
        return f"curl {quoted}", f'import httpx\n\nprint(httpx.get("{url}").text)\n'
    content = next(iter(QUESTIONS[name].values()))
    said = json.dumps(content, ensure_ascii=False)
    curl = f"curl {url} \\\n  -H 'content-type: application/json' \\\n  -d '{said}'"
    fields = "".join(f"    {key!r}: {value!r},\n" for key, value in content.items())
    call = f"answer = httpx.{method}(\n    {url!r},\n    json=asked,\n    timeout=60,\n)"
    python = f"import httpx\n\nasked = {{\n{fields}}}\n{call}\n"
    python += "answer.raise_for_status()\n"
    kind = {"explain": "Explanation", "compare": "Comparison", "passages": "Ranking"}.get(name)
    if kind is None:
        return curl, python + "print(answer.json())\n"
    home = "whyalike.ranking" if name == "passages" else "whyalike"
    python += f"\nfrom {home} import {kind}\n\nprint({kind}.from_dict(answer.json()))\n"
    return curl, python


def _batch(url: str) -> tuple[str, str]:
    lines = (
        '{"id": "a", "left": "warm gloves", "right": "woollen mittens"}',
        '{"id": "b", "left": "how to cancel", "right": "Cancel any time online."}',
    )
    said = "\\n".join(lines)
    kind = "application/x-ndjson"
    curl = f"printf '{said}\\n' | curl {url} \\\n  -H 'content-type: {kind}' --data-binary @-"
    python = (
        "import json\n\nimport httpx\n\n"
        'pairs = [("warm gloves", "woollen mittens"), ("cancel", "Cancel any time online.")]\n'
        'lines = "\\n".join(json.dumps({"left": a, "right": b}) for a, b in pairs)\n'
        "with httpx.stream(\n"
        f'    "POST", "{url}", content=lines, timeout=None\n'
        ") as answer:\n"
        "    answer.raise_for_status()\n"
        "    for line in answer.iter_lines():\n"
        "        print(json.loads(line))\n"
    )
    return curl, python


def _count_letters(texts: Sequence[str]) -> "NDArray[Any]":
    import numpy as np

    letters = "abcdefghijklmnopqrstuvwxyz"
    return np.array([[0.3, *(text.lower().count(one) for one in letters)] for text in texts])


def _toy() -> "Explainer":
    """Return an Explainer of a model that counts letters, which is there at once."""
    from whyalike.explainer import Explainer

    return Explainer(embed=_count_letters)


@cache
def answers() -> Mapping[str, Any]:
    """Return an answer of each address that answers in JSON, by its name.

    Those with words are of a toy model, and the same each time.
    """
    from whyalike.methods.method import list_methods

    item = {
        "id": "A17",
        "title": "Touch gloves",
        "description": "Knit gloves with touchscreen fingertips.",
        "metadata": {"price": 12.5, "colours": ["black", "red"]},
    }
    toy, ranking = _toy(), QUESTIONS["passages"]["which should be first"]
    ids = [one["id"] for one in ranking["passages"]]
    texts = [one["text"] for one in ranking["passages"]]
    return {
        "explain": toy.explain("warm gloves", "woollen mittens").to_dict(),
        "compare": toy.compare("gloves", "woollen gloves", "a scarf").to_dict(),
        "passages": toy.rank(ranking["query"], texts, ids=ids, right="p2", explain=1).to_dict(),
        "estimate": {
            "seconds": 1.8,
            "wait_seconds": 0.4,
            "limit_seconds": 120.0,
            "fits": True,
            "kept": False,
            "cost": 18420.0,
            "advice": None,
        },
        "similar": {
            "format": "whyalike/similar",
            "version": 1,
            "verdict": "*Touch gloves* is first.",
            "query": {"id": None, "title": None, "text": "warm gloves"},
            "index": "shop",
            "items": 4812,
            "model": "all-MiniLM-L6-v2",
            "similarity_function": "cosine",
            "prompts": ["", ""],
            "score": "cosine",
            "compared": "title+description",
            "k": 1,
            "where": None,
            "method": None,
            "not_compared": 0,
            "twins": [],
            "variants": [],
            "notes": [],
            "hits": [
                {
                    "rank": 1,
                    **item,
                    "similarity": 0.612,
                    "explanation": None,
                    "parts": None,
                    "group": None,
                }
            ],
        },
        "rank": {
            "format": "whyalike/rank",
            "version": 1,
            "index": "shop",
            "id": "A17",
            "title": "Touch gloves",
            "similarity": 0.612,
            "rank": 14,
            "of": 4812,
            "left_out": "",
            "not_compared": 0,
            "explanation": None,
        },
        "items": {
            "format": "whyalike/items",
            "version": 1,
            "index": "shop",
            "total": 4812,
            "items": [item],
            "next": "NGY1YzBhMmIzZDRlNWY2YS0x",
        },
        "item": item,
        "models": {
            "models": [
                {
                    "name": "all-MiniLM-L6-v2",
                    "similarity_function": "cosine",
                    "pooling": "mean",
                    "prompts": ["", ""],
                    "limit": 256,
                    "default_method": "whyalike",
                    "comparing_method": "whyalike",
                    "methods": ["whyalike", "bti", "occlusion", "shapley"],
                    "left_out": {},
                }
            ],
            "indexes": [],
        },
        "methods": [list_methods()[0].to_dict()],
        "health": {
            "status": "ok",
            "version": whyalike.__version__,
            "waiting": 3,
            "waiting_seconds": 0.021,
            "waiting_limit": 256,
            "running": 1,
            "running_seconds": 0.013,
            "slices": 20144,
            "still_seconds": 0.002,
            "searches": 0,
        },
    }
