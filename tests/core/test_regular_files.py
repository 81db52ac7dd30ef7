"""Files of numbers from outside: pipes, devices and endless files are refused before they are read."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from temshift.conditions import ImagingConditions
from temshift.core.regular_files import read_regular
from temshift.optics import TransferTable


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with Path("sparse.csv").open("wb") as file:
        file.truncate(2**40)


def test_a_regular_file_is_read_whole_within_bounds():
    Path("a").write_bytes(b"12345")
    assert read_regular("a", 5) == b"12345"
    with pytest.raises(ValueError, match="a has more than 0 MiB"):
        read_regular("a", 4)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("pipe", "pipe is a pipe"),
        ("/dev/zero", "/dev/zero is a device"),
        ("/dev/full", "/dev/full is a device"),
        (".", "is a folder"),
        ("sparse.csv", "sparse.csv has more than"),
        ("a\0b", "embedded null"),
        ("none.csv", "No such file"),
    ],
)
def test_tables_of_cameras_and_of_conditions_come_from_regular_files(path, fault):
    for model, given in ((TransferTable, {"file": path}), (ImagingConditions, {"measured": {"file": path}})):
        with pytest.raises(ValidationError, match=fault):
            model.model_validate(given)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("frequency_per_pixel,frequency_nyquist,value\n0,0,1\n0.5,0.5,0.6\n", "leave one of frequencies"),
        ("frequency_per_pixel,value\n0,1\n" + "1" * 200_000 + ",2\n", "is no table"),
    ],
)
def test_tables_that_can_be_read_in_two_ways_or_none_are_refused(text, fault):
    Path("m.csv").write_text(text)
    with pytest.raises(ValidationError, match=fault):
        TransferTable.model_validate({"file": "m.csv"})


@pytest.mark.parametrize("frequency", [10**400, True, -(10**400)])
def test_frequencies_that_can_be_none_are_refused(frequency):
    with pytest.raises(ValidationError, match="must be a list of numbers"):
        TransferTable.model_validate({"frequency_per_pixel": [0, frequency], "value": [1, 0.5]})
