"""Every manifest writes down versions, machine and time alike."""

import platform
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import pytest

from temshift.storage.provenance import provenance, surroundings, versions_of


def test_versions_are_those_of_what_is_installed_in_the_order_that_is_asked_for() -> None:
    assert list(versions_of(("torch", "temshift")).items()) == [
        ("torch", version("torch")),
        ("temshift", version("temshift")),
    ]
    assert versions_of() == {"temshift": version("temshift")}
    with pytest.raises(PackageNotFoundError):
        versions_of(["no-such-package"])


def test_provenance_adds_the_time_of_now_in_utc() -> None:
    facts = provenance(("numpy",))
    assert list(facts) == ["temshift", "created", "versions", "python", "platform"]
    created = datetime.fromisoformat(facts["created"])
    assert created.utcoffset() == timedelta(0) and abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert facts["python"] == platform.python_version() and facts["platform"] == platform.platform()


def test_surroundings_are_the_same_whenever_they_are_asked_for() -> None:
    assert (
        surroundings(("numpy",))
        == surroundings(("numpy",))
        == {
            "versions": {"numpy": version("numpy")},
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
    )
