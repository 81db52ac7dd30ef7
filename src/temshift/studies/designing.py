"""Training conditions designed for target conditions, as a file that studies and scores read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temshift.core.configuration import Configuration, load_configuration, parse_configuration
from temshift.core.documents import write_document
from temshift.core.electrons import largest_semiangle
from temshift.core.errors import InputError
from temshift.core.files import replacing, write_text
from temshift.core.grids import Grid
from temshift.datasets.conditions import imaging_faults
from temshift.execution import Progress
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.sources import wave_sources
from temshift.generalization.scoring_conditions import AnyConditions, ScoringConditions, scoring_conditions
from temshift.information.candidates import GRID
from temshift.information.designs import DRAWS, PIXEL, Design, Objective, design
from temshift.information.microscope import Microscope
from temshift.information.observer import RuleName
from temshift.information.shipped import SHIPPED_ENERGY
from temshift.optics.imaging import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.report.design_figure import design_figure
from temshift.report.transfer_figures import save_figure
from temshift.studies.object_libraries import find_library

CELL = 256  # pixels a side of the images that conditions are checked for


@dataclass(frozen=True)
class Wanted:
    """What is asked of a design.

    Attributes
    ----------
    size : int or None
        Number of conditions; None for one broad distribution.
    objective : {"worst", "mean"}
        What is minimised over the targets.
    search, rule : str
        Observers of the search and of the ranking.
    grid : int
        Points of the grid of candidates.
    candidates : Path or None
        A file of further candidates.
    """

    size: int | None
    objective: Objective = "worst"
    search: RuleName = "linear"
    rule: RuleName = "both"
    grid: int = GRID
    candidates: Path | None = None


class _Waves(Configuration, extra="ignore"):
    """What a study or database file tells beside its specimens."""

    exit_waves: ExitWaveSettings | None = None


def design_for(
    targets: AnyConditions,
    wanted: Wanted,
    *,
    specimens: str | Path | None = None,
    energy: float | None = None,
    sampling: float | None = None,
    progress: Progress | None = None,
) -> Design:
    """Design training conditions for the ``test`` conditions of a file.

    Parameters
    ----------
    targets : path, mapping or ScoringConditions
        As for ``temshift score``.
    wanted : Wanted
        Size, objective and observers.
    specimens : path or str, optional
        As for `find_library`; CdSe on carbon by default.
    energy : float, optional
        Electron energy [eV]; that of the specimens' file, or else 300 keV.
    sampling : float, optional
        Size of a pixel of the images [A]; that of the specimens' file, or else 0.4 A.
    progress : Progress, optional
        Told about what is done.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        With every fault of a file; for conditions that no image can be formed under; and as `design` does.
    """
    given = scoring_conditions(targets)
    extra = {} if wanted.candidates is None else scoring_conditions(wanted.candidates).tests
    waves = _waves_of(specimens)
    volts = energy or (waves.energy if waves else SHIPPED_ENERGY)
    pixel = sampling or (waves.stored_sampling_angstrom or waves.sampling_angstrom if waves else PIXEL)
    library = find_library(specimens, energy=volts, progress=progress)
    microscope = _microscope({**given.tests, **extra}, given, volts, pixel)
    return design(
        given.tests,
        library,
        microscope,
        size=wanted.size,
        broad=wanted.size is None,
        objective=wanted.objective,
        extra=extra,
        grid=wanted.grid,
        search=wanted.search,
        rule=wanted.rule,
        progress=progress,
    )


def _waves_of(specimens: str | Path | None) -> ExitWaveSettings | None:
    """How waves of the specimens are made, where they tell."""
    path = None if specimens is None else Path(specimens)
    if path is None or not path.exists() or path.suffix == ".json":
        return None
    return wave_sources(path)[0].exit_waves if path.is_dir() else load_configuration(path, _Waves).exit_waves


def _microscope(
    named: Mapping[str, ImagingConditions], given: ScoringConditions, energy: float, sampling: float
) -> Microscope:
    """The microscope of some conditions; what no image can be formed under is refused."""
    grid = Grid((CELL, CELL), (sampling, sampling))
    faults = list(imaging_faults(list(named.items()), given.imaging, grid, energy))
    if faults:
        raise InputError("\n  ".join(["images can't be formed so:", *faults]))
    widest = max(one.widest_semiangle for one in named.values())
    semiangle = min(widest, largest_semiangle(grid.nyquist, energy))
    return Microscope(energy, given.imaging, grid.nyquist, semiangle, DRAWS, given.seed)


def design_text(found: Design, targets: Mapping[str, ImagingConditions], imaging: ImagingSettings) -> str:
    """Write a design as YAML: ``training``, the one distribution to train on, and ``test``, the targets.

    The same keys are the ``conditions`` of a study; ``temshift score`` reads the whole file.

    Parameters
    ----------
    found : Design
        The design.
    targets : mapping of str to ImagingConditions
        Its targets.
    imaging : ImagingSettings
        Written as ``imaging``, which stands beside ``conditions`` in a study, where it is not the default.

    Returns
    -------
    str
        YAML 1.2.
    """
    told = [f"# Minimises the {found.objective} predicted loss over the conditions below test, equal shares of"]
    told += [f"#   {name}" for name in found.members]
    content: dict[str, Any] = {} if imaging == ImagingSettings() else {"imaging": imaging.model_dump(mode="json")}
    content["training"] = [{"name": "design", **_plain(found.conditions)}]
    content["test"] = [{"name": name, **_plain(one)} for name, one in targets.items()]
    return "\n".join(told) + "\n" + write_document(content)


def _plain(conditions: ImagingConditions) -> dict[str, Any]:
    return conditions.model_dump(mode="json", exclude_none=True)


def write_design(found: Design, given: ScoringConditions, output: Path) -> list[Path]:
    """Write a design as a YAML file, and the picture of its predicted losses beside it as PNG.

    Parameters
    ----------
    found : Design
        The design.
    given : ScoringConditions
        What it was designed for.
    output : Path
        A name that ends in .yaml or .yml; files there are replaced.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        For another ending.
    """
    require_output(output)
    text = design_text(found, given.tests, given.imaging)
    parse_configuration(text, ScoringConditions, str(output))
    write_text(output, text)
    picture = output.with_suffix(".png")
    with replacing(picture) as beside:
        save_figure(design_figure(found.predicted, found.objective), beside)
    return [output, picture]


def require_output(output: Path) -> None:
    """Refuse a name of a file that is no YAML."""
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {output}: end the name in .yaml")
