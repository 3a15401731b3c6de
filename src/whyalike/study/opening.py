"""What is done with a database on opening it: it is made, or has to be there."""

from whyalike.errors import OptionError, StorageError
from whyalike.study import statements
from whyalike.study.engine import Database


def make(database: Database) -> None:
    """Make the tables that are missing, and SQLite's file.

    Raises:
        StorageError: there is no folder for the file, or it can't be written.
        FormatError: a database of another version.
    """
    file = database.file
    if file is not None and not file.parent.is_dir():
        raise StorageError(
            f"There is no folder {file.parent} for the database {database.place}: make it, or "
            "check --database."
        )
    with database.writing() as connection:
        statements.create(connection)


def find(database: Database) -> None:
    """Make nothing where nothing is.

    Raises:
        OptionError: it is no study's database.
        StorageError: it can't be read.
        FormatError: a database of another version.
    """
    file = database.file
    # To connect to a file of SQLite that is not there would make it.
    if file is None or file.is_file():
        with database.reading() as connection:
            if statements.is_made(connection):
                statements.check_version(connection)
                return
    raise OptionError(
        f"There is no study's database at {database.place}; check --database, or invite raters "
        "first."
    )
