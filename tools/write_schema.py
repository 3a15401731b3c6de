"""Write docs/explanation.schema.json from the declarations of explanations."""

import json
from pathlib import Path

from whyalike.schema import explanation_schema

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "docs" / "explanation.schema.json"
    path.write_text(json.dumps(explanation_schema(), indent=2, ensure_ascii=False) + "\n", "utf-8")
