"""A damaged index answers what it answered, or is refused, in bounded time and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "index_damage.py"


WHATS = ["search", "write", "build"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Of each what a process that loads everything once says of it, and its standard error."""
    pytest.importorskip("faiss")
    ran = subprocess.run(
        [sys.executable, SCRIPT, tmp_path_factory.mktemp("damage"), *WHATS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout), ran.stderr


@pytest.mark.skipif(
    sys.platform != "linux", reason="limits its memory and makes pipes as Linux does"
)
@pytest.mark.parametrize("what", WHATS)
def test_every_file_may_be_damaged_in_every_way(done, what):
    results, errors = done
    code, said = results[what]
    *wrong, counts = said.splitlines() or [errors]
    assert (wrong, code) == ([], 0), errors
    found = json.loads(counts)
    assert len(found["files"]) >= 4
    assert found["right"] > 20
    assert found["refused"] > 20
