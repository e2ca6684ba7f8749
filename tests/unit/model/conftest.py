import logging

import pytest


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    """The agent logs every pass, and here it makes some hundred thousand."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
