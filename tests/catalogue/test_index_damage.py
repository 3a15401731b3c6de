"""A damaged index answers what it answered, or is refused, in bounded time and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "index_damage.py"


@pytest.mark.skipif(
    sys.platform != "linux", reason="limits its memory and makes pipes as Linux does"
)
@pytest.mark.parametrize("what", ["search", "write", "build"])
def test_every_file_may_be_damaged_in_every_way(tmp_path, what):
    pytest.importorskip("faiss")
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, what],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    *wrong, counts = done.stdout.splitlines() or [done.stderr]
    assert (wrong, done.returncode) == ([], 0), done.stderr
    found = json.loads(counts)
    assert len(found["files"]) >= 4
    assert found["right"] > 20
    assert found["refused"] > 20
