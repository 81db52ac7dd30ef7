"""Conditions to score anyone's network under, as one YAML file, a mapping or objects."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from temshift.conditions import ImagingConditions, Items, PartialConditions
from temshift.conditions.named import resolved
from temshift.configuration import Configuration, KeyPath, dotted, load_configuration, parse_configuration
from temshift.core import InputError
from temshift.exitwaves import WaveSource
from temshift.optics import ImagingSettings
from temshift.optics.feasibility import role_faults


class ScoringConditions(Configuration):
    """Distributions of conditions to score a network under; values that an item leaves out come from ``default``.

    ``training`` is the one distribution that the network was trained on, if that is known: the network is scored under
    it, too, and the distance of conditions from it is computed. ``seed`` is the root of the draws: networks that are
    scored with one seed see the same images.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)] = "own network"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    imaging: ImagingSettings = ImagingSettings()
    default: PartialConditions = PartialConditions()
    training: Items | None = None
    test: Items

    @model_validator(mode="after")
    def _resolvable(self) -> "ScoringConditions":
        if self.training is not None and len(resolved(self.training, self.default, "training")) > 1:
            raise ValueError("training: give one item, the distribution that the network was trained on, or none")
        resolved(self.test, self.default, "test")
        return self

    @cached_property
    def tests(self) -> dict[str, ImagingConditions]:
        """Whole conditions to test on, by name."""
        return dict(resolved(self.test, self.default, "test"))

    @cached_property
    def trained_on(self) -> tuple[str, ImagingConditions] | None:
        """Name and whole conditions of the training distribution; None if it is not given."""
        return None if self.training is None else resolved(self.training, self.default, "training")[0]

    @property
    def every(self) -> list[tuple[str, ImagingConditions]]:
        """Name and whole conditions of all distributions."""
        return [*self.tests.items(), *([self.trained_on] if self.trained_on is not None else [])]


AnyConditions = Path | str | Mapping[str, Any] | ScoringConditions


def scoring_conditions(given: AnyConditions) -> ScoringConditions:
    """Read conditions to score a network under.

    Parameters
    ----------
    given : path, mapping or ScoringConditions
        A YAML file; a mapping with the keys of one; or a mapping from names to ``ImagingConditions``.

    Returns
    -------
    ScoringConditions

    Raises
    ------
    InputError
        With every fault.
    """
    if isinstance(given, ScoringConditions):
        return given
    if isinstance(given, (str, Path)):
        return load_configuration(given, ScoringConditions)
    if given and all(isinstance(one, ImagingConditions) for one in given.values()):
        given = {"test": [{"name": name, **_plain(one)} for name, one in given.items()]}
    try:
        text = json.dumps(dict(given))
    except TypeError as error:
        raise InputError(f"conditions: {error}; give numbers, texts, lists and mappings, as YAML holds them") from error
    return parse_configuration(text, ScoringConditions, "conditions")


def _plain(conditions: ImagingConditions) -> dict[str, Any]:
    return conditions.model_dump(mode="json", exclude_none=True)


def faults_on(scoring: ScoringConditions, source: WaveSource) -> list[tuple[KeyPath, str]]:
    """Return why images of some waves can't be formed: the place of each fault in a file, and its text."""
    named = {"test": list(scoring.tests.items()), "training": [scoring.trained_on] if scoring.trained_on else []}
    return image_faults(named, scoring.imaging, source)


def image_faults(
    named: Mapping[str, list[tuple[str, ImagingConditions]]], imaging: ImagingSettings, source: WaveSource
) -> list[tuple[KeyPath, str]]:
    """Return why images of some waves can't be formed.

    Parameters
    ----------
    named : mapping of str to list of (str, ImagingConditions)
        Names and whole conditions, by the key of the file that holds them.
    imaging : ImagingSettings
        Coherence and camera, under the key ``imaging``.
    source : WaveSource
        The waves.

    Returns
    -------
    list of (path, str)
        The place of each fault in the file, and its text.
    """
    grid, energy = source.layout.grid, source.exit_waves.energy
    binning: list[tuple[KeyPath, str]] = [(("imaging", "camera", "binning"), fault) for fault in imaging.faults(grid)]
    if binning:
        return binning
    return [((role,), str(fault)) for role, fault in role_faults(named, imaging, grid, energy)]


def require_possible(scoring: ScoringConditions, source: WaveSource) -> None:
    """Refuse conditions under which no images of some waves can be formed.

    Raises
    ------
    InputError
        With every fault.
    """
    faults = [f"{dotted(place)}: {fault}" for place, fault in faults_on(scoring, source)]
    if faults:
        raise InputError("\n  ".join([f"images of {source.store} can't be formed so:", *faults]))
