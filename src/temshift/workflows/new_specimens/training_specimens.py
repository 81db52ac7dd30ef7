"""Which crystal or mixture to train on for specimens that a network shall serve, from files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from temshift.core import InputError
from temshift.databases import SPECIMENS, band_end, cached_library
from temshift.execution import Progress, SilentProgress
from temshift.information import (
    SHIPPED_ENERGY,
    Bench,
    ObjectLibrary,
    RuleName,
    SpecimenChoice,
    choose_specimens,
    shipped_library,
    shipped_names,
    survey_for,
)
from temshift.optics import ImagingSettings
from temshift.studies import Study, members_of
from temshift.workflows.comparison import agreed_focus
from temshift.workflows.condition_files import ConditionsFile, agreed
from temshift.workflows.input_files import load_input
from temshift.workflows.specimen_libraries import Measurement, open_specimens

REACH = 0.98  # share of the target's band that a candidate has to reach


@dataclass(frozen=True)
class WantedSpecimens:
    """The task of choosing specimens.

    Attributes
    ----------
    target : str
        A recipe, a database or the name of a crystal: the specimens to serve.
    candidates : Path, optional
        A study file whose ``specimen_sets`` are candidates; the crystals that come with temshift by default.
    most : int
        The largest number of kinds in a mixture.
    search, rule : str
        Observers of the search and of the ranking.
    energy : float, optional
        Electron energy [eV], if no file gives it.
    sampling : float, optional
        Size of a pixel [A], if no file gives it.
    """

    target: str
    candidates: Path | None = None
    most: int = 2
    search: RuleName = "linear"
    rule: RuleName = "both"
    energy: float | None = None
    sampling: float | None = None


def choose_for(conditions: ConditionsFile, sought: WantedSpecimens, progress: Progress | None = None) -> SpecimenChoice:
    """Choose which specimens to train on, under some conditions, for others.

    Parameters
    ----------
    conditions : ConditionsFile
        Conditions of training and test, of :func:`read_conditions`.
    sought : WantedSpecimens
        The target, candidates and observers.
    progress : Progress, optional
        Reports measurements and the search.

    Returns
    -------
    SpecimenChoice

    Raises
    ------
    InputError
        If specimens can't be opened, candidates are fewer than two or don't reach as far as the target, or energies
        differ.
    """
    opened, study = open_specimens(sought.target), _study_of(sought.candidates)
    waves = [opened.exit_waves, None if study is None else study.exit_waves]
    energies = [sought.energy, conditions.energy, *(one.energy for one in waves if one is not None)]
    volts = agreed("the electron energy", energies) or SHIPPED_ENERGY
    pixel = sought.sampling or conditions.sampling
    bench = Bench(volts, conditions.imaging or ImagingSettings(), pixel)
    focus = agreed_focus([conditions], opened)
    asked = Measurement(volts, highest=band_end(conditions.named.values(), volts), progress=progress, focus=focus)
    library, name = opened.library(asked), _name(sought.target)
    candidates = _candidates(study, asked) if study is not None else _shipped(asked, without=name)
    survey, remarks = survey_for(list(conditions.named.values()), library, bench)
    for remark in remarks:
        (progress or SilentProgress()).warning(remark)
    return choose_specimens(
        (name, library),
        {one: _on_rings(one, other, library) for one, other in candidates.items()},
        conditions.named,
        survey,
        most=sought.most,
        search=sought.search,
        rule=sought.rule,
        progress=progress,
    )


def _name(specimens: str) -> str:
    return Path(specimens).stem if Path(specimens).suffix else specimens


def _study_of(candidates: Path | None) -> Study | None:
    if candidates is None:
        return None
    study = load_input(candidates, Study)
    if study.specimen_sets is None:
        raise InputError(
            f"{candidates} has no specimen_sets to choose from; give a study with some, or leave --candidates out for "
            "the crystals that come with temshift"
        )
    return study


def _candidates(study: Study, asked: Measurement) -> dict[str, ObjectLibrary]:
    """Measure the sets of a study, which are kept in the user's cache for the next time."""
    counts = {name: min(SPECIMENS, member.counts.training) for name, member in members_of(study).items()}
    return {
        name: cached_library(
            member.specimens, member.exit_waves, counts[name], study.seed, asked.highest, asked.progress
        )
        for name, member in members_of(study).items()
    }


def _shipped(asked: Measurement, without: str) -> Mapping[str, ObjectLibrary]:
    names = [name for name in shipped_names() if name != without]
    return {name: shipped_library(name, energy=asked.energy, focus=asked.focus) for name in names}


def _on_rings(name: str, candidate: ObjectLibrary, target: ObjectLibrary) -> ObjectLibrary:
    if candidate.q[-1] < REACH * target.q[-1] and candidate.q[-1] < 1.0:
        raise InputError(
            f"{name} is known up to {candidate.q[-1]:.3g} 1/A, the target up to {target.q[-1]:.3g}; simulate it with a "
            "finer sampling_angstrom"
        )
    return candidate.resampled(target.q)
