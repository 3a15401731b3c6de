"""Load on the rating app: many raters at once, and kill -9 of the server in the middle.

Run: .venv/bin/python benchmarks/study_load.py [--raters 50] [--screens 100] [--database URL]
Exits with 1 if one confirmed rating is missing, doubled or another one.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "web"))

from rating_load import Server, rate_all  # noqa: E402
from rating_studies import make_study  # noqa: E402

from whyalike.study import open_storage  # noqa: E402

METHODS = 5
PARAGRAPH = "About as many words as the paragraphs have that the paper's judges rated, " * 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--screens", type=int, default=100)
    parser.add_argument("--database", help="URL; by default SQLite in a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), asked.raters, asked.screens, asked.database)


def measure(folder: Path, raters: int, screens: int, database: str | None) -> int:
    words = PARAGRAPH.split()
    texts = [
        (" ".join([*words, f"{n}"]), " ".join([*words[::-1], f"{n}"]))
        for n in range(-(-screens // METHODS))
    ]
    methods = tuple(f"method_{n}" for n in range(METHODS))
    study = make_study(folder, texts=texts, methods=methods, practice=0, checks=0, repeats=0)
    options = () if database is None else ("--database", database)
    server = Server(str(folder), options).start(raters=raters)
    began = time.perf_counter()
    confirmed = rate_all(server, screens, kill_after=raters * screens // 2)
    took = time.perf_counter() - began
    code, said = server.stop()
    storage = open_storage(study, database=database)
    rows = storage.all_ratings(history=True)
    storage.close()
    stored = sorted((row.rater_number, row.position, row.value) for row in rows)
    good = stored == sorted(confirmed.answers) and len(stored) == raters * screens
    cuts = statistics.quantiles(confirmed.seconds, n=100)
    print(f"{raters} raters at once, {screens} screens each, kill -9 after half of them")
    print(f"confirmed {len(confirmed.answers):,}, stored {len(stored):,}, equal: {good}")
    print(f"sent again {confirmed.retries:,} times while the server was away")
    print(f"{took:.0f} s, {len(stored) / took:.0f} ratings/s")
    print(f"confirmed in {cuts[49]:.3f} s (median), {cuts[94]:.3f} s (95 %)")
    print(f"the server ended with {code}{': ' + said if said else ''}")
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
