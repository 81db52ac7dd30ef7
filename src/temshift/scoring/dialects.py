"""Conditions to score under, from a file or a mapping in any dialect: the sections that say them are read alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from temshift.conditions.imaging import ImagingConditions, PartialConditions
from temshift.conditions.named import Items
from temshift.configuration.model import Configuration, open_document, validated
from temshift.configuration.yaml_document import Document, read_document
from temshift.core.errors import InputError
from temshift.optics.settings import ImagingSettings
from temshift.scoring.scoring_conditions import AnyConditions, ScoringConditions, scoring_conditions

_SAME_ENERGY = 1e-6  # as a share

Energy = Annotated[float, Field(ge=30, le=1500)]  # [keV]


class _ImageSet(Configuration):
    """An image set; how many images it forms, and how they are scaled, does not matter here."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    imaging: ImagingSettings = ImagingSettings()
    default: PartialConditions = PartialConditions()
    conditions: Items
    energy_kev: Energy | None = None
    images_per_specimen: Any = None
    standardise: Any = None


class _Roles(Configuration, extra="ignore"):
    default: PartialConditions = PartialConditions()
    test: Items


class _Waves(Configuration, extra="ignore"):
    energy_kev: Energy | None = None


class _Study(Configuration, extra="ignore"):
    """A study, of which the test conditions are taken."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    imaging: ImagingSettings = ImagingSettings()
    conditions: _Roles
    exit_waves: _Waves = _Waves()


def read_any(given: AnyConditions) -> tuple[ScoringConditions, float | None]:
    """Read conditions to score a network under, in any dialect.

    Parameters
    ----------
    given : path, mapping or ScoringConditions
        A YAML file or a mapping: conditions to score under (``test``), an image set (a list ``conditions``), a study,
        or the parameters of one distribution (``defocus_nm``); or a mapping from names to ``ImagingConditions``.

    Returns
    -------
    ScoringConditions
    float or None
        Electron energy [keV] of the waves that they are for, if the file says it.

    Raises
    ------
    InputError
        With every fault.
    """
    if isinstance(given, (str, Path)):
        return _of(open_document(given), str(given), Path(given).stem)
    if isinstance(given, Mapping) and not any(isinstance(value, ImagingConditions) for value in given.values()):
        return _of(read_document(_text(given)), "conditions", "conditions")
    return scoring_conditions(given), None


def require_same_energy(energy_kev: float | None, volts: float) -> None:
    """Refuse conditions for another electron energy [keV] than that of some waves [eV].

    Raises
    ------
    InputError
        With both.
    """
    if energy_kev is not None and abs(energy_kev * 1e3 - volts) > _SAME_ENERGY * volts:
        raise InputError(
            f"the conditions are for {energy_kev:g} keV, but the waves are of {volts / 1e3:g} keV; give conditions for "
            "that energy"
        )


def _text(given: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(given))
    except TypeError as error:
        raise InputError(f"conditions: {error}; give numbers, texts, lists and mappings, as YAML holds them") from error


def _of(document: Document, source: str, name: str) -> tuple[ScoringConditions, float | None]:
    data = document.data if isinstance(document.data, dict) else {}
    conditions = None if "test" in data else data.get("conditions")
    if isinstance(conditions, list):
        images = validated(document, _ImageSet, source)
        return _scoring(images, images.conditions, images.default), images.energy_kev
    if isinstance(conditions, dict):
        study = validated(document, _Study, source)
        return _scoring(study, study.conditions.test, study.conditions.default), study.exit_waves.energy_kev
    if "test" not in data and data.keys() & ImagingConditions.model_fields.keys():
        return scoring_conditions({name[:80] or "conditions": validated(document, ImagingConditions, source)}), None
    return validated(document, ScoringConditions, source), None


def _scoring(given: _ImageSet | _Study, items: Items, default: PartialConditions) -> ScoringConditions:
    return ScoringConditions(test=items, default=default, seed=given.seed, imaging=given.imaging)
