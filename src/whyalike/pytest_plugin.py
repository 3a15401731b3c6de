"""What whyalike adds to pytest: an option that writes baselines anew. It loads nothing.

Installed with whyalike by the entry point ``pytest11``; ``-p no:whyalike`` leaves it out.
"""

import os
from typing import Any

UPDATE = "WHYALIKE_UPDATE_BASELINES"


def pytest_addoption(parser: Any) -> None:
    """Add ``--whyalike-update-baselines``."""
    parser.getgroup("whyalike").addoption(
        "--whyalike-update-baselines",
        action="store_true",
        help="Write the baselines of whyalike.testing.assert_no_regression anew.",
    )


def pytest_configure(config: Any) -> None:
    """Say so to ``assert_no_regression``."""
    if config.getoption("--whyalike-update-baselines"):
        os.environ[UPDATE] = "1"


def pytest_unconfigure(config: Any) -> None:
    """Say so no more."""
    if config.getoption("--whyalike-update-baselines"):
        os.environ.pop(UPDATE, None)
