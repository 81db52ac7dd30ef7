"""The public face: its names, its help, its speed, and its answers to misspelt keys."""

import pydoc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

import temshift
from temshift import ExitWaveSettings, ImagingConditions, SpecimenRecipe, Study
from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.workflows import compare

SCREEN = 50  # lines
LONGER = {"MicrographDataset": 70}  # ten parameters, each with its meaning
SILENT = {"TransferTable"}  # they look at the keys themselves, before pydantic does
NAMES = [name for name in temshift.__all__ if not isinstance(getattr(temshift, name), ModuleType)]
WAVES = {"energy_kev": 300, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2.0}
CONDITIONS = {"defocus_nm": 10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12}


def models(base: type) -> list[type]:
    return [model for child in base.__subclasses__() for model in [child, *models(child)]]


def test_the_face_has_some_twenty_names_that_completion_lists() -> None:
    assert 20 <= len(NAMES) <= 30
    assert set(NAMES) <= set(dir(temshift))


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_public_name_fits_a_screen(name: str) -> None:
    lines = pydoc.plain(pydoc.render_doc(getattr(temshift, name))).splitlines()
    assert len(lines) <= LONGER.get(name, SCREEN)
    first = pydoc.getdoc(getattr(temshift, name)).splitlines()[0]
    assert any(first.strip() in line for line in lines[:8]), "the essentials do not come first"


@pytest.mark.parametrize("model", [Study, ExitWaveSettings, SpecimenRecipe], ids=lambda model: model.__name__)
def test_help_of_a_configuration_has_every_key(model: type[Configuration]) -> None:
    page = pydoc.plain(pydoc.render_doc(model))
    assert all(f"  {key} : " in page for key in model.model_fields)
    assert "model_json_schema" not in page


def test_help_of_conditions_names_keys_that_exist() -> None:
    page = pydoc.getdoc(ImagingConditions)
    assert all(key in page for key in ("defocus_nm", "dose_e_per_A2", "semiangle_cutoff_mrad"))
    words = page.partition("----------\n")[2].partition("Methods")[0].replace(",", " ").split()
    keys = [word for word in words if "_" in word]
    assert len(keys) >= 10 and not [key for key in keys if key not in ImagingConditions.model_fields]


def test_objects_list_their_members_and_classes_their_constructor() -> None:
    assert dir(ExitWaveSettings) == ["model_validate"]
    assert {"energy", "energy_kev", "grid", "model_dump"} <= set(dir(ExitWaveSettings(**WAVES)))


@pytest.mark.parametrize(
    ("make", "nearest"),
    [
        (lambda: ImagingConditions(defocus=-10, dose_e_per_A2=400), "defocus\\n  unknown key; nearest: 'defocus_nm'"),
        (lambda: SpecimenRecipe(partcles={}), "partcles\\n  unknown key; .*nearest: 'particles'"),
        (lambda: ExitWaveSettings(**WAVES, fokus="exit_plane"), "unknown key; .*nearest: 'focus'"),
        (lambda: ExitWaveSettings(**WAVES, phonons={"configuration": 3}), "phonons.configuration\\n.*'configurations'"),
        (lambda: SpecimenRecipe.model_validate({"substrate": {"thicknes": 1}}), "nearest: 'thickness_nm'"),
        (lambda: Study(exit_wave={}), "exit_wave\\n  unknown key; .*nearest: 'exit_waves'"),
    ],
)
def test_a_misspelt_key_gets_the_nearest_one(make: Callable[[], Any], nearest: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s)errors? for [A-Za-z]+\\n.*{nearest}"):
        make()


def test_other_faults_stay_those_of_pydantic() -> None:
    with pytest.raises(ValidationError) as caught:
        ExitWaveSettings(**{**WAVES, "energy_kev": 1})
    (fault,) = caught.value.errors()
    assert fault["type"] == "greater_than_equal" and fault["ctx"] == {"ge": 30}
    with pytest.raises(ValidationError) as caught:
        ExitWaveSettings(**{**WAVES, "energy_kev": 1}, tilt=3)
    assert [fault["loc"] for fault in caught.value.errors()] == [("tilt",), ("energy_kev",)]


def test_every_model_of_the_package_answers_a_misspelt_key() -> None:
    every = [model for model in models(Configuration) if model.__module__.startswith("temshift")]
    strict = [model for model in every if model.model_config.get("extra") == "forbid" and len(model.model_fields) > 1]
    assert len(strict) > 30
    silent = set()
    for model in strict:
        key = next(iter(model.model_fields))
        with pytest.raises(ValidationError) as caught:
            model(**{f"{key}z": 1})
        unknown = [fault["msg"] for fault in caught.value.errors() if fault["type"] == "extra_forbidden"]
        assert all("nearest" in message and key in message for message in unknown), model
        silent |= {model.__name__} if not unknown else set()
    assert silent == SILENT


def test_the_import_is_light() -> None:
    heavy = "torch", "numpy", "pydantic", "polars", "matplotlib"
    code = f"import sys, temshift; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert printed.stdout == "[]\n"


def test_conditions_are_compared_from_files_mappings_and_objects(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in CONDITIONS.items()))
    other = {**CONDITIONS, "defocus_nm": -10}
    sigmas = {
        compare(train, other, rules=()).pair.sigma.value
        for train in (file, CONDITIONS, ImagingConditions(**CONDITIONS))
    }
    assert len(sigmas) == 1
    several = tmp_path / "several.yaml"
    series = "{name: 'd {value}', series: defocus_nm, values: [1, 2], dose_e_per_A2: 400}"
    several.write_text(f"seed: 1\nenergy_kev: 300\nconditions: [{series}]\n")
    with pytest.raises(InputError, match="several.yaml has 2 distributions; give a file of a single one"):
        compare(several, other, rules=())


def test_a_design_takes_names_and_conditions() -> None:
    targets = {f"{focus} nm": ImagingConditions(**{**CONDITIONS, "defocus_nm": focus}) for focus in (-10, 10)}
    chosen = temshift.design(targets, size=1, rule="linear")
    assert len(chosen.members) == 1


def test_a_study_is_read_from_a_file_or_a_mapping() -> None:
    file = Path(__file__).parents[1] / "examples" / "tiny.yaml"
    study = temshift.load_study(file)
    assert temshift.load_study(study.resolved()) == temshift.load_study(study.resolved()) and study.name
    with pytest.raises(InputError, match="exit_wave: unknown key; .*nearest: 'exit_waves'"):
        temshift.load_study({**study.resolved(), "exit_wave": {}})
