"""What the tests of all adapters share."""

import pytest
from counted_words import PASSAGES, QUERY, bag

from whyalike import Explainer


@pytest.fixture
def explainer():
    return Explainer(embed=bag)


@pytest.fixture
def asked():
    return QUERY, PASSAGES
