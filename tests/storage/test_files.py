"""Files: whole or not at all, faults named, damage noticed."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temshift.core.errors import DamagedError, InputError, TemshiftError
from temshift.storage import files

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def largest_file(size):
    """Let the system refuse files that grow beyond a size, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    return path


def test_bytes_and_text_come_back(tmp_path):
    files.write_bytes(tmp_path / "new" / "folder" / "a", b"\x00\r\n")
    files.write_text(tmp_path / "b", "phi = \u03c0\n")
    assert (tmp_path / "new" / "folder" / "a").read_bytes() == b"\x00\r\n"
    assert (tmp_path / "b").read_bytes() == b"phi = \xcf\x80\n"
    assert names_in(tmp_path) == ["b", "new"]


@given(plain)
def test_json_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    files.write_json(path, value)
    assert files.read_json(path) == value


def test_table_comes_back(tmp_path):
    table = polars.DataFrame({"f1": [0.5, None], "images": [3, 4], "name": ["a", "\u03b5"]})
    files.write_table(tmp_path / "results.parquet", table)
    read = files.read_table(tmp_path / "results.parquet")
    assert read.equals(table, null_equal=True)
    assert read.schema == table.schema


def test_rights_follow_the_umask(tmp_path):
    files.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(old):
    with pytest.raises(KeyError), files.replacing(old) as temporary:
        temporary.write_text("half")
        (temporary.parent / "another").write_text("half")
        raise KeyError("writer")
    assert old.read_text() == "old"
    assert names_in(old.parent) == ["a.txt"]


def test_what_could_not_be_written_is_told_beforehand(old):
    files.require_writable(old.parent / "new" / "b.txt")
    files.require_writable(old)
    assert (old.read_text(), names_in(old.parent), names_in(old.parent / "new")) == ("old", ["a.txt", "new"], [])
    with pytest.raises(TemshiftError, match=r"a.txt/b.txt: .*; choose another folder: a part of this path is a file"):
        files.require_writable(old / "b.txt")
    with pytest.raises(TemshiftError, match="choose another name: this one is a folder"):
        files.require_writable(old.parent)


def test_an_interrupted_writer_leaves_the_old_file_and_nothing_else(old):
    with pytest.raises(KeyboardInterrupt), files.replacing(old) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert old.read_text() == "old"
    assert names_in(old.parent) == ["a.txt"]


def test_the_old_file_stays_until_the_new_one_is_whole(old):
    with files.replacing(old) as temporary:
        temporary.write_text("new")
        assert temporary.name == old.name
        assert temporary.stat().st_dev == old.stat().st_dev
        assert old.read_text() == "old"
    assert old.read_text() == "new"


def test_a_disk_without_room_is_told(old):
    with (
        largest_file(1000),
        pytest.raises(TemshiftError, match=r"a\.txt: File too large; .*another disk") as caught,
    ):
        files.write_bytes(old, bytes(5000))
    assert caught.value.exit_code == 1
    assert old.read_text() == "old"
    assert names_in(old.parent) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "can be written to"), (errno.EIO, "check")],
)
@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_faults_of_each_step_are_told_with_a_remedy(old, monkeypatch, step, number, remedy):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(TemshiftError, match=f"{os.strerror(number)}; .*{remedy}"):
            files.write_text(old, "new")
    assert old.read_text() == "old"
    assert names_in(old.parent) == ["a.txt"]


def test_data_reach_the_disk_before_the_name_does(old, monkeypatch):
    steps = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: steps.append(str(Path(f"/proc/self/fd/{number}").readlink())) or sync(number),
    )
    monkeypatch.setattr(os, "replace", lambda *paths: steps.append("replace") or replace(*paths))
    files.write_text(old, "new")
    assert steps[0].endswith("/a.txt")
    assert steps[1:] == ["replace", str(old.parent)]


def test_a_folder_system_that_cannot_sync_names_is_no_fault(old, monkeypatch):
    sync = os.fsync

    def refuse_folders(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(number)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    files.write_text(old, "new")
    assert old.read_text() == "new"


def test_a_file_in_place_of_a_folder_is_told(old):
    with pytest.raises(TemshiftError, match="a part of this path is a file"):
        files.write_text(old / "b", "x")


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(TemshiftError, match="this one is a folder"):
        files.write_text(tmp_path / "a", "x")
    assert names_in(tmp_path) == ["a"]


def test_nan_is_not_written_as_json(old):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(old, {"f1": float("nan")})
    assert old.read_text() == "old"


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', '{"a": 1e999}', "\xff"])
def test_broken_json_is_damage(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DamagedError, match=r"a\.json is damaged"):
        files.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_truncated_table_is_damage(tmp_path, keep):
    path = tmp_path / "a.parquet"
    files.write_table(path, polars.DataFrame({"x": list(range(1000))}))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedError, match=r"a\.parquet is damaged"):
        files.read_table(path)


@given(st.data())
def test_a_flipped_bit_of_a_table_is_noticed_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped.parquet"
    table = polars.DataFrame({"x": [float(number) for number in range(50)]})
    files.write_table(path, table)
    broken = bytearray(path.read_bytes())
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(broken)
    try:
        assert files.read_table(path).equals(table)
    except DamagedError as error:
        assert "flipped.parquet is damaged" in str(error)


def test_an_altered_number_of_a_table_is_noticed(tmp_path):
    path = tmp_path / "a.parquet"
    polars.DataFrame({"x": [1.0, 2.0]}).write_parquet(path, compression="uncompressed")
    assert files.read_table(path)["x"].to_list() == [1.0, 2.0]  # a table of another writer has no hash
    files.write_table(path, files.read_table(path))
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="it was altered"):
        files.read_table(path)


@pytest.mark.parametrize("read", [files.read_json, files.read_table])
def test_an_absent_file_is_an_input_fault(tmp_path, read):
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "absent")


def test_leftovers_of_a_killed_writer_are_discarded(old):
    code = (
        "import os, signal, sys\n"
        "from temshift.storage.files import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(old)], check=False).returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    assert len(names_in(old.parent)) == 2
    assert list(old.parent.glob("*.txt")) == [old]
    assert files.discard_leftovers(old.parent) == 1
    assert names_in(old.parent) == ["a.txt"]


def test_leftovers_below_a_folder_are_discarded_where_asked(tmp_path):
    for place in (tmp_path, tmp_path / "networks" / "a", tmp_path / "scores"):
        (place / f"{files.LEFTOVER}1" / "deep").mkdir(parents=True)
    assert files.discard_leftovers(tmp_path) == 1
    assert files.discard_leftovers(tmp_path, below=True) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "networks", "scores"]
