"""Conditions of two microscopes, compared without training: from files, mappings or objects."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.execution import Progress
from temshift.information import Bench, Comparison, as_conditions, compare_many
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
        If a file can't be read, is faulty or has several distributions, or if energies or pixels differ.

    Examples
    --------
    >>> train = {"defocus_nm": 10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12}
    >>> 0 < compare(train, {**train, "defocus_nm": -10}, rules=()).pair.sigma.value < 0.9
    True
    """
    sides = [_side(train, "training"), _side(test, "test")]
    opened = opened_specimens(specimens)
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


def opened_specimens(specimens: str | Path | None) -> "OpenedSpecimens | None":
    """Open specimens as `open_specimens` does; None for those that come with temshift, which need no import."""
    if specimens is None:
        return None
    from temshift.workflows.specimen_libraries import open_specimens

    return open_specimens(specimens)


_SEVERAL_CAMERAS = "; of several cameras give imaging.camera alike, and to conditions keys such as mtf_half_frequency"


def bench_for(
    sides: Sequence[ConditionsFile],
    opened: "OpenedSpecimens | None",
    *,
    energy_kev: float | None,
    sampling_angstrom: float | None,
    rules: "Sequence[RuleName]",
) -> Bench:
    """Return the microscope of a comparison, on which files, specimens and arguments have to agree."""
    energies = [None if energy_kev is None else energy_kev * 1e3, *(side.energy for side in sides)]
    measured_at = [opened.exit_waves.energy] if opened and opened.exit_waves else []
    settings = {
        "energy": agreed("the electron energy", [*energies, *measured_at]),
        "imaging": agreed("the camera", [side.imaging for side in sides], _SEVERAL_CAMERAS),
        "focus": agreed_focus(sides, opened),
        "sampling": agreed("the size of pixels", [sampling_angstrom, *(side.sampling for side in sides)]),
    }
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    return Bench(**given, rules=tuple(rules))


def agreed_focus(files: Sequence[ConditionsFile], opened: "OpenedSpecimens | None") -> "FocusPlane":
    """Return the plane that files and specimens count defocus from, which have to agree; the exit plane if none says.

    Raises
    ------
    InputError
        If they differ.
    """
    own = [opened.exit_waves.focus] if opened and opened.exit_waves else []
    return agreed("the plane that defocus counts from", [*own, *(file.focus for file in files)]) or "exit_plane"


def measured_library(
    opened: "OpenedSpecimens | None", bench: Bench, conditions: Iterable[ImagingConditions], progress: Progress | None
) -> "ObjectLibrary | None":
    """Return the library of specimens as far as some conditions look into it; None if none are named."""
    if opened is None:
        return None
    from temshift.databases import band_end
    from temshift.workflows.specimen_libraries import Measurement

    highest = band_end(conditions, bench.energy)
    return opened.library(Measurement(bench.energy, highest=highest, progress=progress, focus=bench.focus))
