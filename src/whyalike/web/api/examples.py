"""How each address is asked, with curl and with Python."""

import json
from collections.abc import Mapping
from typing import Any

HERE = "http://127.0.0.1:8000"
"""The origin in examples; the page puts its own there."""

EXAMPLES: Mapping[str, Mapping[str, Any] | None] = {
    "explain": {
        "left": "How do I get my money back?",
        "right": "A full refund is paid within seven days.",
    },
    "compare": {
        "query": "how to cancel",
        "better": "Cancel any time online.",
        "worse": "Our offices are open daily.",
    },
    "similar": {"text": "warm gloves", "k": 3},
    "rank": {"text": "warm gloves", "item": "an id of the index"},
    "models": None,
    "methods": None,
    "health": None,
    "metrics": None,
}


def examples(path: str, method: str) -> tuple[str, str]:
    """Return how to ask this address with curl, and with Python."""
    name, url = path.rsplit("/", 1)[-1], HERE + path
    if name == "batch":
        return _batch_examples(url)
    content = EXAMPLES[name]
    if content is None:
        return f"curl {url}", f'import httpx\n\nprint(httpx.get("{url}").text)\n'
    said = json.dumps(content, ensure_ascii=False)
    curl = f"curl {url} \\\n  -H 'content-type: application/json' \\\n  -d '{said}'"
    fields = "".join(f"    {key!r}: {value!r},\n" for key, value in content.items())
    call = f"answer = httpx.{method}(\n    {url!r},\n    json=asked,\n    timeout=60,\n)"
    python = f"import httpx\n\nasked = {{\n{fields}}}\n{call}\n"
    python += "answer.raise_for_status()\nprint(answer.json())\n"
    if name == "explain":
        python += "\nfrom whyalike import Explanation\n\n"
        python += "print(Explanation.from_dict(answer.json()))\n"
    return curl, python


def _batch_examples(url: str) -> tuple[str, str]:
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
