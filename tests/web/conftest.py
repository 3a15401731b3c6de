"""What tests of this room share: an Explorer's service; a study, its storage and its app."""

import pytest
from rating_studies import HOME, make_study

from tiny_models import tiny


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    from explorer_service import make_service

    made = make_service(tmp_path_factory.mktemp("served"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """The folder of a small model."""
    folder = tmp_path_factory.mktemp("weights") / "tiny-bert"
    model, tokenizer = tiny("bert").parts
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def storage(study, tmp_path):
    from whyalike.study import open_storage

    opened = open_storage(study, database=f"sqlite:///{tmp_path}/study.db")
    yield opened
    opened.close()


@pytest.fixture
def app(study, storage):
    from whyalike.web import create_rating_app

    return create_rating_app(study, storage)


@pytest.fixture
def open_client(app):
    from fastapi.testclient import TestClient

    return lambda: TestClient(app, base_url=HOME)


@pytest.fixture
def client(open_client):
    return open_client()


@pytest.fixture
def rater(storage):
    return storage.add_rater("Ann")
