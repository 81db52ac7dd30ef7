"""Records of completion: any damage to them or to their files is noticed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temshift.core.errors import DamagedError, InputError, TemshiftError
from temshift.storage.records import read_facts, read_part, read_record, record_state, write_record

FACTS = {"steps": 300, "loss": 0.25, "missing": None, "widths": [16, 32], "name": "\u03b5"}


def make(folder):
    (folder / "inner").mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(bytes(range(256)))
    (folder / "inner" / "history.parquet").write_bytes(b"PAR1")
    record = folder / "network.json"
    write_record(record, [folder / "weights.safetensors", folder / "inner" / "history.parquet"], FACTS)
    return record


@pytest.fixture
def record(tmp_path):
    return make(tmp_path / "network")


@pytest.fixture(scope="module")
def shared_record(tmp_path_factory):
    return make(tmp_path_factory.mktemp("records") / "network")


def test_a_record_comes_back(record):
    found = read_record(record)
    assert found.facts == FACTS
    assert read_facts(record) == FACTS
    assert {path.relative_to(record.parent).as_posix() for path in found.files} == {
        "weights.safetensors",
        "inner/history.parquet",
    }
    assert record_state(record).state == "complete" and record_state(record).facts == FACTS


def test_one_file_is_verified_alone(record):
    (record.parent / "inner" / "history.parquet").unlink()
    (found,) = read_part(record, ["weights.safetensors"]).files
    assert found == record.parent / "weights.safetensors"
    with pytest.raises(DamagedError, match="history.parquet"):
        read_part(record, ["inner/history.parquet"])
    found.write_bytes(bytes(256))
    with pytest.raises(DamagedError, match="altered content"):
        read_part(record, ["weights.safetensors"])
    with pytest.raises(InputError, match="does not name last.safetensors; it names inner/history.parquet, weights"):
        read_part(record, ["last.safetensors"])


def test_a_folder_can_move(record, tmp_path):
    moved = record.parent.rename(tmp_path / "elsewhere")
    assert len(read_record(moved / "network.json").files) == 2


def test_paths_may_be_relative(record, monkeypatch):
    monkeypatch.chdir(record.parent)
    write_record("b.json", ["weights.safetensors"], {})
    assert record_state("b.json").state == "complete"


def test_an_absent_record_is_absent(tmp_path):
    assert record_state(tmp_path / "network.json").state == "absent"
    with pytest.raises(InputError):
        read_record(tmp_path / "network.json")


def test_a_truncated_file_is_noticed(record):
    weights = record.parent / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert record_state(record).state == "damaged"
    assert "255 bytes instead of 256" in record_state(record).reason and record_state(record).facts == {}
    assert read_facts(record) == FACTS


@given(byte=st.integers(0, 255), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_file_is_noticed(shared_record, byte, bit):
    weights = shared_record.parent / "weights.safetensors"
    data = bytearray(range(256))
    data[byte] ^= 1 << bit
    weights.write_bytes(data)
    try:
        with pytest.raises(DamagedError, match="altered content"):
            read_record(shared_record)
    finally:
        weights.write_bytes(bytes(range(256)))


@given(data=st.data())
def test_any_flipped_bit_of_a_record_is_noticed_or_harmless(shared_record, data):
    whole = shared_record.read_bytes()
    broken = bytearray(whole)
    broken[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        shared_record.write_bytes(broken)
        if record_state(shared_record).state == "complete":
            assert json.loads(broken) == json.loads(whole)
    finally:
        shared_record.write_bytes(whole)


@given(keep=st.integers(0, 10_000))
def test_a_truncated_record_is_noticed(shared_record, keep):
    whole = shared_record.read_bytes()
    try:
        shared_record.write_bytes(whole[: keep % (len(whole) - 1)])
        assert record_state(shared_record).state == "damaged"
    finally:
        shared_record.write_bytes(whole)


def test_a_missing_file_is_damage(record):
    (record.parent / "weights.safetensors").unlink()
    with pytest.raises(DamagedError, match=r"weights\.safetensors cannot be read: No such file"):
        read_record(record)


def test_changed_facts_break_the_seal(record):
    record.write_text(record.read_text().replace("300", "301"))
    for read in (read_record, read_facts):
        with pytest.raises(DamagedError, match="it was altered"):
            read(record)


@pytest.mark.parametrize("content", ["[]", "{}", '{"facts": {}, "files": {}, "seal": 3}', '{"facts": 1}'])
def test_other_json_is_no_record(record, content):
    record.write_text(content)
    assert record_state(record).state == "damaged"


def test_files_elsewhere_are_refused(record, tmp_path):
    (tmp_path / "other").write_text("x")
    with pytest.raises(ValueError, match="lies outside"):
        write_record(record, [tmp_path / "other"], {})


def test_a_record_of_an_absent_file_is_not_written(record):
    before = record.read_bytes()
    with pytest.raises(TemshiftError, match="it cannot be recorded"):
        write_record(record, [record.parent / "absent"], {})
    assert record.read_bytes() == before


def test_facts_are_finite(record):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(record, [], {"loss": float("nan")})
    assert read_facts(record) == FACTS
