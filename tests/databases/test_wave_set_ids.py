"""Ids of sets of specimens: own files are read by code that has a version of its own."""

from pathlib import Path

import pytest

from temshift.configuration.model import parse_configuration
from temshift.databases import Database

OWN = """
name: own
seed: 1
counts: {training: 1}
specimens: {files: [atoms.xyz], particle: {elements: [Au]}}
exit_waves: {energy_kev: 300, sampling_angstrom: 0.4, slice_thickness_angstrom: 2.0}
"""
ATOMS = '2\nLattice="12 0 0 0 12 0 0 0 12" Properties=species:S:1:pos:R:3\nAu 6 6 6\nC 3 3 3\n'


def test_a_new_reader_makes_own_files_another_set_and_leaves_random_specimens_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atoms.xyz").write_text(ATOMS, encoding="utf-8")
    random = (Path(__file__).parents[2] / "examples" / "tiny_database.yaml").read_text(encoding="utf-8")

    def ids(text: str) -> list[str]:
        return [waves.id for waves in parse_configuration(text, Database, "database.yaml").sets.values()]

    before = ids(OWN), ids(random)
    monkeypatch.setattr("temshift.specimens.specimen.READING_VERSION", 99)
    assert ids(OWN) != before[0]
    assert ids(random) == before[1]
