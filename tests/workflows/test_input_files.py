"""Every kind of file is recognised by its keys, and a verb that is given another kind says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.model import ConfigurationError
from temshift.configuration.yaml_document import Document, read_document
from temshift.core.errors import InputError
from temshift.databases.database import Database
from temshift.image_sets.image_set import ImageSet
from temshift.scoring.scoring_conditions import ScoringConditions
from temshift.specimens import FileRecipe, MixtureRecipe, SpecimenRecipe
from temshift.studies import Study
from temshift.workflows.condition_files import load_scoring, open_conditions, read_conditions
from temshift.workflows.forecast import predict_scores
from temshift.workflows.input_files import (
    KINDS,
    kind_of,
    load_database,
    load_input,
    load_plan,
    load_recipe,
    load_single,
)
from temshift.workflows.specimen_libraries import find_library
from temshift.workflows.train_network import SingleNetwork
from temshift.workflows.transfer_curves import load_transfer_set

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLES_OF: dict[type, tuple[str, ...]] = {
    Study: (
        "atlas.yaml",
        "camera_confirmation_study.yaml",
        "confirmation_study.yaml",
        "defocus_study.yaml",
        "monai_study.yaml",
        "published_crystals.yaml",
        "published_series.yaml",
        "quick_study.yaml",
        "structure_study.yaml",
        "tiny.yaml",
        "transfer_study.yaml",
        "transfer_study_large.yaml",
    ),
    Database: ("full_protocol.yaml", "tiny_database.yaml"),
    ImageSet: ("conditions.yaml",),
    SingleNetwork: ("network.yaml",),
    ScoringConditions: ("own_network.yaml", "targets.yaml"),
    SpecimenRecipe: ("specimens.yaml",),
    ImagingConditions: ("microscope_a.yaml", "microscope_b.yaml"),
}
HARD: dict[str, tuple[str, type | None]] = {
    "an empty file": ("", None),
    "a comment": ("# nothing\n", None),
    "a list": ("- 1\n- 2\n", None),
    "a text": ("conditions\n", None),
    "not YAML": ("a: [1\n", None),
    "unknown keys": ("foo: 1\nbar: 2\n", None),
    "keys of many kinds": ("name: a\nseed: 1\nimaging: {}\n", None),
    "a number as key": ("1: 2\n", None),
    "own files": ("files: [a.xyz]\nparticle: {elements: [Au]}\n", FileRecipe),
    "own files, misspelt": ("files: [a.xyz]\nparticles: {elements: [Au]}\n", FileRecipe),
    "a recipe, misspelt": ("cell_nm: [8, 8]\nsubstrat: {}\nparticles: {}\n", SpecimenRecipe),
    "a section of specimens alone": ("specimens: {}\n", Database),
    "a study, misspelt": ("name: a\nsed: 1\nspecimens: {}\ncounts: {}\nexit_waves: {}\nconditions: {}\n", Study),
    "a study without conditions": ("name: a\nseed: 1\nspecimens: {}\ncounts: {}\nexit_waves: {}\nseeds: 2\n", Study),
    "an image set without a seed": ("conditions: [{name: a}]\ndefault: {}\n", ImageSet),
    "an image set with a name": ("name: a\nseed: 1\nconditions: [{name: a}]\n", ImageSet),
    "a network with a list": ("database: d\nconditions: [{name: a}]\nnetwork: {}\n", SingleNetwork),
    "a design": ("training: [{name: a}]\ntest: [{name: b}]\nimaging: {}\n", ScoringConditions),
    "conditions and test": ("test: [{name: b}]\nconditions: {}\n", ScoringConditions),
    "a mixture": ("mixture: [{cell_nm: [8, 8], substrate: {}, particles: {}}]\n", MixtureRecipe),
    "one key": ("C30_mm: 1.2\n", ImagingConditions),
    "one key in another notation": ("C3_um: 5\n", ImagingConditions),
}


def test_every_example_is_in_the_table_and_every_kind_has_one() -> None:
    assert {path.name for path in EXAMPLES.glob("*.yaml")} == {name for names in EXAMPLES_OF.values() for name in names}
    for kind in KINDS:
        assert kind.model in (FileRecipe, MixtureRecipe) or Path(kind.example).name in EXAMPLES_OF[kind.model]


@pytest.mark.parametrize(
    ("text", "model"),
    [
        *(
            pytest.param((EXAMPLES / name).read_text(encoding="utf-8"), model, id=name)
            for model, names in EXAMPLES_OF.items()
            for name in names
        ),
        *(pytest.param(text, model, id=name) for name, (text, model) in HARD.items()),
    ],
)
def test_a_file_is_of_the_kind_that_its_keys_come_nearest_to(text: str, model: type | None) -> None:
    kind = kind_of(read_document(text))
    assert (kind and kind.model) is model


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00conditions")
    for path in (tmp_path / "absent.yaml", tmp_path / "binary.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            load_input(path, Study)


def test_a_file_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def read_once(text: str) -> Document:
        parsed.append(len(text))
        return read_document(text)

    monkeypatch.setattr("temshift.configuration.model.read_document", read_once)
    load_plan(EXAMPLES / "tiny.yaml")
    load_recipe(EXAMPLES / "specimens.yaml")
    assert len(parsed) == 2


def test_of_kinds_that_are_as_near_the_expected_one_is_taken() -> None:
    document = read_document("training: [{name: a}]\n")
    for model in (ScoringConditions, ImagingConditions):
        kind = kind_of(document, model, ImagingConditions, ScoringConditions)
        assert kind is not None and kind.model is model


def ctf(path: Path) -> Any:
    return load_transfer_set(path, energy_kev=300)


def images(path: Path) -> Any:
    return open_conditions(path).image_set()


def run(path: Path) -> Any:
    return load_input(path, Study)


def compare(path: Path) -> Any:
    return read_conditions(path, "test")


@pytest.mark.parametrize(
    ("read", "name", "message"),
    [
        (run, "tiny_database.yaml", "is a database, not a study; give it to temshift simulate, or see"),
        (run, "network.yaml", "is a single network, not a study; give it to temshift train, or see"),
        (load_plan, "conditions.yaml", "is an image set, not a study or a database; give it to temshift images"),
        (load_database, "tiny.yaml", "is a study, not a database; give it to temshift run, or see examples/tiny_dat"),
        (load_single, "tiny.yaml", "is a study, not a single network; give it to temshift run"),
        (
            images,
            "tiny_database.yaml",
            "is a database, not an image set or conditions to score under or a study or one ",
        ),
        (
            images,
            "network.yaml",
            "is a single network, not an image set or conditions to score under or a study or one",
        ),
        (ctf, "tiny_database.yaml", "is a database, not an image set or conditions to score under or a study or one"),
        (ctf, "specimens.yaml", "is a recipe of specimens, not an image set or conditions to score under or a study "),
        (load_scoring, "network.yaml", "is a single network, not an image set or conditions to score under or a study"),
        (load_scoring, "specimens.yaml", "is a recipe of specimens, not an image set or conditions to score under or"),
        (compare, "tiny_database.yaml", "is a database, not an image set or conditions to score under or a study or "),
        (load_recipe, "conditions.yaml", "is an image set, not a recipe of specimens; give it to temshift images"),
        (find_library, "microscope_b.yaml", "is one distribution of parameters, not a recipe of specimens"),
    ],
)
def test_a_verb_says_which_verb_takes_a_file_of_another_kind(
    read: Callable[[Path], Any], name: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(EXAMPLES / name)
    assert f"{EXAMPLES / name} {message}" in str(caught.value)


def test_a_prediction_says_so_before_it_looks_at_the_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tiny_database.yaml is a database, not an image set or conditions to score"):
        predict_scores(tmp_path, EXAMPLES / "tiny_database.yaml")


@pytest.mark.parametrize(
    ("read", "text", "fault"),
    [
        (run, "", "conditions: is missing"),
        (load_single, "name: a\nseed: 1\nconditions: {}\nnetwork: {}\n", "database: is missing"),
        (load_plan, "name: a\nseed: 1\n", "counts: is missing"),
        (ctf, "name: a\nseed: 1\n", "test: is missing"),
        (images, "foo: 1\n", "foo: unknown key"),
        (load_scoring, "default: {}\ntst: [{name: a}]\n", "tst: unknown key; .*nearest: 'test'"),
        (compare, "defocus: 3\n", "defocus: unknown key; nearest: .*'defocus_nm'"),
        (load_recipe, "margin_angstrom: 3\n", "cell_nm: is missing"),
        (load_recipe, "", "cell_nm: is missing"),
        (load_recipe, "- 1", "must be a mapping"),
    ],
)
def test_a_file_that_is_no_other_kind_is_faulty_with_lines(
    read: Callable[[Path], Any], text: str, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=fault):
        read(path)
