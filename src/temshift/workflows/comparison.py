"""Conditions of two microscopes, compared without training: from files, mappings or objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.execution import Progress
from temshift.information import Bench, Comparison, SpecimenPair, as_conditions, compare_many
from temshift.workflows.condition_files import ConditionsFile, Role, agreed, read_conditions

if TYPE_CHECKING:
    from temshift.information import FocusPlane, ObjectLibrary, RuleName
    from temshift.workflows.specimen_libraries import OpenedSpecimens

OneDistribution = Path | str | Mapping[str, Any] | ImagingConditions


def compare(
    train: OneDistribution,
    test: OneDistribution,
    *,
    specimens: str | Path | None = None,
    train_specimens: str | Path | None = None,
    test_specimens: str | Path | None = None,
    energy_kev: float | None = None,
    sampling_angstrom: float | None = None,
    rules: "Sequence[RuleName]" = ("linear",),
    progress: Progress | None = None,
) -> Comparison:
    """Compare two distributions of imaging conditions without training: the information lost, and the predicted loss.

    Parameters
    ----------
    train, test : path, mapping or ImagingConditions
        A file with one distribution; a mapping with its keys, ``{"defocus_nm": 10, "dose_e_per_A2": 400}``.
    specimens : path or str, optional
        A recipe, a database or the name of a crystal; CdSe on carbon by default.
    train_specimens, test_specimens : path or str, optional
        In its place two of them, one for each side: networks trained on the one are asked about the other.
    energy_kev, sampling_angstrom : float, optional
        Electron energy and size of a pixel, if the files and specimens do not give them; 300 keV by default.
    rules : sequence of {"linear", "forest", "both", "ideal"}
        Observers that predict the loss.
    progress : Progress, optional
        Reports the measurement of specimens.

    Returns
    -------
    Comparison
        Printed readably; ``to_json`` writes all of it.

    Raises
    ------
    InputError
        If a file can't be read, is faulty or has several distributions, or if energies or pixels differ; if specimens
        are given for one side alone, or are the same for both.

    Examples
    --------
    >>> train = {"defocus_nm": 10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12}
    >>> 0 < compare(train, {**train, "defocus_nm": -10}, rules=()).pair.sigma.value < 0.9
    True
    """
    sides = [_side(train, "training"), _side(test, "test")]
    opened = opened_sides(specimens, train_specimens, test_specimens)
    bench = bench_for(sides, opened, energy_kev=energy_kev, sampling_angstrom=sampling_angstrom, rules=rules)
    every = [conditions for side in sides for conditions in side.named.values()]
    library = measured_library(opened, bench, every, progress)
    return compare_many(sides[0].named, sides[1].named, library, bench)[0]


def _side(given: OneDistribution, role: Role) -> ConditionsFile:
    if not isinstance(given, str | Path):
        return ConditionsFile(Path(role), {role: as_conditions(given, role)})
    file = read_conditions(Path(given), role)
    if len(file.named) > 1:
        raise InputError(
            f"{given} has {len(file.named)} distributions; give a file of a single one, or take "
            "temshift.information.compare_many"
        )
    return file


@dataclass(frozen=True)
class OpenedSides:
    """The specimens of a comparison, opened: none for those that come with temshift, one kind, or two with names."""

    each: "tuple[OpenedSpecimens, ...]" = ()
    names: tuple[str, str] | None = None


def opened_sides(
    specimens: str | Path | None, training: str | Path | None = None, test: str | Path | None = None
) -> OpenedSides:
    """Open the specimens of a comparison as `open_specimens` does; those that come with temshift need no import.

    Parameters
    ----------
    specimens : path or str, optional
        Those of both sides.
    training, test : path or str, optional
        In their place those of one side each.

    Raises
    ------
    InputError
        If specimens of both sides and of one are given, of one side alone, or the same for both.
    """
    _require_sides(specimens, training, test)
    given = [one for one in (specimens, training, test) if one is not None]
    if not given:
        return OpenedSides()
    from temshift.workflows.specimen_libraries import open_specimens

    names = None if training is None or test is None else _names(training, test)
    return OpenedSides(tuple(open_specimens(one) for one in given), names)


def _names(training: str | Path, test: str | Path) -> tuple[str, str]:
    """Short names of two kinds of specimens: of files and folders the last part, if it differs."""
    short = Path(training).stem, Path(test).stem
    return short if short[0] != short[1] else (str(training), str(test))


def _require_sides(specimens: str | Path | None, training: str | Path | None, test: str | Path | None) -> None:
    if (training is None) != (test is None):
        lacking = "--train-specimens" if training is None else "--test-specimens"
        raise InputError(f"{lacking} is missing: give the specimens of both sides, or --specimens for both together")
    if training is not None and specimens is not None:
        raise InputError("--specimens are those of both sides; give either these, or those of each side")
    if training is not None and str(training) == str(test):
        raise InputError(f"both sides have the specimens {test}; give --specimens {test}, or two kinds that differ")


_SEVERAL_CAMERAS = "; of several cameras give imaging.camera alike, and to conditions keys such as mtf_half_frequency"


def bench_for(
    sides: Sequence[ConditionsFile],
    opened: OpenedSides,
    *,
    energy_kev: float | None,
    sampling_angstrom: float | None,
    rules: "Sequence[RuleName]",
) -> Bench:
    """Return the microscope of a comparison, on which files, specimens and arguments have to agree."""
    energies = [None if energy_kev is None else energy_kev * 1e3, *(side.energy for side in sides)]
    measured_at = [one.exit_waves.energy for one in opened.each if one.exit_waves]
    settings = {
        "energy": agreed("the electron energy", [*energies, *measured_at]),
        "imaging": agreed("the camera", [side.imaging for side in sides], _SEVERAL_CAMERAS),
        "focus": agreed_focus(sides, *opened.each),
        "sampling": agreed("the size of pixels", [sampling_angstrom, *(side.sampling for side in sides)]),
    }
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    return Bench(**given, rules=tuple(rules))


def agreed_focus(files: Sequence[ConditionsFile], *opened: "OpenedSpecimens") -> "FocusPlane":
    """Return the plane that files and specimens count defocus from, which have to agree; the exit plane if none says.

    Raises
    ------
    InputError
        If they differ.
    """
    own = [one.exit_waves.focus for one in opened if one.exit_waves]
    return agreed("the plane that defocus counts from", [*own, *(file.focus for file in files)]) or "exit_plane"


def measured_library(
    opened: OpenedSides, bench: Bench, conditions: Iterable[ImagingConditions], progress: Progress | None
) -> "ObjectLibrary | SpecimenPair | None":
    """Return the library of specimens as far as some conditions look into it, or two; None if none are named."""
    if not opened.each:
        return None
    from temshift.databases import band_end
    from temshift.workflows.specimen_libraries import Measurement

    highest = band_end(conditions, bench.energy)
    asked = Measurement(bench.energy, highest=highest, progress=progress, focus=bench.focus)
    libraries = [one.library(asked) for one in opened.each]
    return libraries[0] if opened.names is None else SpecimenPair(libraries[0], libraries[1], opened.names)
