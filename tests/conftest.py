from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _pages_alone() -> Iterator[None]:
    """Reports that tests write are the page alone, without figures and tables beside it, which take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("temshift.report.page.write_exports", lambda *_: None)
        yield
