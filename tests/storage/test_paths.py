"""A path may be given as text wherever a public function takes one."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import temshift
from temshift.databases import DatabaseFolder
from temshift.exitwaves import (
    read_geometry,
    read_layout,
    read_masks,
    read_settings,
    read_waves,
    stores_in,
    wave_sources,
)
from temshift.studies import StudyFolder


def public_functions() -> Iterator[tuple[str, Any]]:
    faces = [importlib.import_module(f"temshift.{room.name}") for room in pkgutil.iter_modules(temshift.__path__)]
    for face in faces:
        for name in getattr(face, "__all__", []):
            if inspect.isfunction(getattr(face, name)):
                yield f"{face.__name__}.{name}", getattr(face, name)


def test_every_public_function_that_takes_a_path_takes_text() -> None:
    strict = [
        f"{name}: {parameter.name}"
        for name, function in public_functions()
        for parameter in inspect.signature(function).parameters.values()
        if "Path" in str(parameter.annotation) and "str" not in str(parameter.annotation)
    ]
    assert strict == []


@pytest.mark.parametrize("read", [read_geometry, read_layout, read_masks, read_settings, read_waves])
def test_a_store_is_read_by_its_name(database: Path, read: Any) -> None:
    store = database / "waves" / "test"
    by_text, by_path = (read(place) for place in (str(store), store))
    assert str(by_text) == str(by_path)


def test_folders_are_found_by_their_names(database: Path) -> None:
    assert stores_in(str(database)) == stores_in(database)
    assert wave_sources(str(database), "test") == wave_sources(database, "test")
    assert StudyFolder("study").report == DatabaseFolder("study").root / "report.html"  # type: ignore[arg-type]
