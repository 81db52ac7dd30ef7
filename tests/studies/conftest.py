"""A study so small that it runs in seconds."""

from pathlib import Path

import pytest

from temshift.core.configuration import parse_configuration
from temshift.studies import Study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tiny_text() -> str:
    return (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tiny(tiny_text: str) -> Study:
    return parse_configuration(tiny_text, Study, "tiny.yaml")
