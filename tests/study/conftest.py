"""Databases to keep ratings in: SQLite, and a PostgreSQL that is started for the tests."""

from itertools import count

import pytest

_NUMBERS = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ratings.db'}"
    from sqlalchemy import create_engine, make_url

    url = make_url(request.getfixturevalue("postgresql")).set(drivername="postgresql+psycopg")
    name = f"ratings_{next(_NUMBERS)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
