"""A study, its storage and a client of the rating app, for the tests of this room."""

import pytest
from rating_studies import HOME, make_study


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
