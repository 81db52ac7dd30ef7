"""Training conditions designed for target conditions, as a file that studies and scores read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temshift.conditions import ImagingConditions
from temshift.configuration import parse_configuration, write_document
from temshift.core import Grid, InputError
from temshift.databases import band_end
from temshift.execution import Progress, SilentProgress
from temshift.figures import design_figure, save_figure
from temshift.information import (
    ASSUMED_PIXEL,
    GRID,
    SHIPPED_ENERGY,
    Bench,
    Design,
    Objective,
    RuleName,
    noise_remarks,
    survey_for,
)
from temshift.information import design as choose
from temshift.optics import ImagingSettings, imaging_faults
from temshift.scoring import AnyConditions, ScoringConditions, scoring_conditions
from temshift.storage import replacing, require_writable, write_text
from temshift.workflows.comparison import agreed_focus
from temshift.workflows.condition_files import ConditionsFile, agreed, forming_remarks, read_conditions
from temshift.workflows.specimen_libraries import Measurement, open_specimens

MINIMISED: Mapping[Objective, str] = {
    "regret": "largest predicted regret (loss over the best of any single candidate)",
    "worst": "worst predicted loss",
    "mean": "mean predicted loss",
}
CELL = 256  # pixels a side of the images that conditions are checked for


@dataclass(frozen=True)
class Wanted:
    """The task of a design.

    Attributes
    ----------
    size : int or None
        Number of conditions; None for one broad distribution.
    objective : {"regret", "worst", "mean"}
        The quantity that is minimised over the targets.
    search, rule : str
        Observers of the search and of the ranking.
    grid : int
        Points of the grid of candidates.
    candidates : Path or None
        A file of further candidates.
    """

    size: int | None
    objective: Objective = "regret"
    search: RuleName = "linear"
    rule: RuleName = "both"
    grid: int = GRID
    candidates: Path | None = None


def design(
    targets: AnyConditions,
    size: int | None,
    *,
    objective: Objective = "regret",
    search: RuleName = "linear",
    rule: RuleName = "both",
    specimens: str | Path | None = None,
    energy_kev: float | None = None,
    sampling_angstrom: float | None = None,
    progress: Progress | None = None,
) -> Design:
    """Design training conditions for the conditions that a network shall serve.

    Parameters
    ----------
    targets : path, mapping or ScoringConditions
        A file of conditions; a mapping with its keys, or from names to ``ImagingConditions``.
    size : int or None
        Number of conditions to train on; None for one broad distribution.
    objective : {"regret", "worst", "mean"}
        The quantity that is minimised over the targets.
    search, rule : {"linear", "forest", "both", "ideal"}
        Observers of the search and of the ranking; all but the linear one take minutes.
    specimens : path or str, optional
        A recipe, a database or the name of a crystal; CdSe on carbon by default.
    energy_kev, sampling_angstrom : float, optional
        Electron energy and size of a pixel, if the file gives none; 300 keV and 0.4 A by default.
    progress : Progress, optional
        Reports progress.

    Returns
    -------
    Design
        ``conditions`` is the one distribution to train on; ``summary`` compares it with plain sets.

    Raises
    ------
    InputError
        With every fault of a file, and for conditions that no image can be formed under.
    """
    if isinstance(targets, str | Path):
        file = read_conditions(Path(targets), "test")
    else:
        file = ConditionsFile(Path("targets"), scoring_conditions(targets).tests)
    asked = Wanted(size, objective, search, rule)
    energy = None if energy_kev is None else energy_kev * 1e3
    return design_for(file, asked, specimens=specimens, energy=energy, sampling=sampling_angstrom, progress=progress)


def design_for(
    targets: ConditionsFile,
    asked: Wanted,
    *,
    specimens: str | Path | None = None,
    energy: float | None = None,
    sampling: float | None = None,
    progress: Progress | None = None,
) -> Design:
    """Design training conditions for the conditions of a file.

    Parameters
    ----------
    targets : ConditionsFile
        Of :func:`read_conditions`, for testing.
    asked : Wanted
        Size, objective and observers.
    specimens : path or str, optional
        As for `find_library`; CdSe on carbon by default.
    energy : float, optional
        Electron energy [eV]; that of the file and of the specimens, which have to agree, or else 300 keV.
    sampling : float, optional
        Size of a pixel of the images [A]; that of the file, or of the specimens, or else 0.4 A.
    progress : Progress, optional
        Reports progress.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        With every fault of a file; for conditions that no image can be formed under; and as `design` does.
    """
    extra = {} if asked.candidates is None else read_conditions(asked.candidates, "test").named
    opened = open_specimens(specimens)
    waves = opened.exit_waves
    agreed_energy = agreed("the electron energy", [energy, targets.energy, waves.energy if waves else None])
    volts = agreed_energy or SHIPPED_ENERGY
    pixel = (
        sampling or targets.sampling or (waves.stored_sampling_angstrom or waves.sampling_angstrom if waves else None)
    )
    bench = Bench(volts, targets.imaging or ImagingSettings(), pixel)
    every = {**targets.named, **extra}
    _require_images(every, bench, targets.forming)
    highest, focus = band_end(every.values(), volts), agreed_focus([targets], opened)
    library = opened.library(Measurement(volts, highest=highest, progress=progress, focus=focus))
    survey, remarks = survey_for(list(every.values()), library, bench)
    exactness = [] if pixel else forming_remarks([targets], volts, None)
    for remark in [*exactness, *remarks, *noise_remarks(targets.named, library, survey)]:
        (progress or SilentProgress()).warning(remark)
    return choose(
        targets.named,
        library,
        survey,
        size=asked.size,
        broad=asked.size is None,
        objective=asked.objective,
        extra=extra,
        grid=asked.grid,
        search=asked.search,
        rule=asked.rule,
        progress=progress,
    )


def _require_images(named: Mapping[str, ImagingConditions], bench: Bench, forming: ImagingSettings) -> None:
    """Refuse conditions that no image can be formed under."""
    pixel = bench.sampling or ASSUMED_PIXEL
    grid = Grid((CELL, CELL), (pixel, pixel))
    faults = imaging_faults(list(named.items()), forming, grid, bench.energy)
    if faults:
        head = f"no images of {pixel:g} A pixels can be formed so (--sampling-angstrom gives other ones):"
        raise InputError("\n  ".join([head, *faults]))


def design_text(chosen: Design, targets: ConditionsFile) -> str:
    """Write a design as YAML: ``training``, the one distribution to train on, and ``test``, the targets.

    The same keys are the ``conditions`` of a study; ``temshift score`` reads the whole file.

    Parameters
    ----------
    chosen : Design
        The design.
    targets : ConditionsFile
        Its targets; their camera, if they have one, is written as ``imaging``, a section of a study.

    Returns
    -------
    str
        YAML 1.2.
    """
    comments = [f"# Minimises the {MINIMISED[chosen.objective]} over the conditions below test, equal shares of"]
    comments += [f"#   {name}" for name in chosen.members]
    content: dict[str, Any] = {"training": [{"name": "design", **_plain(chosen.conditions)}]}
    content["test"] = [{"name": name, **_plain(one)} for name, one in targets.named.items()]
    if targets.imaging is not None:
        content["imaging"] = targets.imaging.model_dump(mode="json", exclude_none=True)
    return "\n".join(comments) + "\n" + write_document(content)


def _plain(conditions: ImagingConditions) -> dict[str, Any]:
    return conditions.model_dump(mode="json", exclude_none=True)


def write_design(chosen: Design, targets: ConditionsFile, output: Path | str) -> list[Path]:
    """Write a design as a YAML file, and the picture of its predicted losses next to it as PNG.

    Parameters
    ----------
    chosen : Design
        The design.
    targets : ConditionsFile
        Its targets.
    output : Path
        A name that ends in .yaml or .yml; files there are replaced.

    Returns
    -------
    list of Path
        The written files.

    Raises
    ------
    InputError
        For another ending.
    TemshiftError
        If the files can't be written.
    """
    output = Path(output)
    require_output(output)
    text = design_text(chosen, targets)
    parse_configuration(text, ScoringConditions, str(output))
    write_text(output, text)
    picture = output.with_suffix(".png")
    with replacing(picture) as temporary:
        save_figure(design_figure(chosen.regrets, chosen.objective), temporary)
    return [output, picture]


def require_output(output: Path | str) -> None:
    """Refuse a name of a file that is no YAML, or that can't be written."""
    output = Path(output)
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {output}: end the name in .yaml")
    require_writable(output)
