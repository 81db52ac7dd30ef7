"""Contrast transfer functions of named conditions: their curves, planes and limits, as tables and pictures."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temshift.conditions import Conditions, ImagingConditions, lens_remarks, told_together
from temshift.configuration import allowed_text
from temshift.core import InputError
from temshift.figures import (
    Member,
    TransferCurves,
    TransferPlane,
    curve_figure,
    overview_figure,
    plane_figure,
    save_figure,
)
from temshift.image_sets import ImageSet, folder_name
from temshift.information import Bench, band_of, information_of, shipped_library, survey_for
from temshift.micrographs import Stream, drawn_conditions
from temshift.optics import (
    PROBED,
    Array,
    ImageTransfer,
    ImagingSettings,
    Microscope,
    exactness_remarks,
    half_turn,
    image_efficiency,
    image_transfer,
    polar_plane,
    transfer_limits,
)
from temshift.storage import replacing, write_bytes
from temshift.studies import Study
from temshift.vocabulary import TRANSFER_CURVES, TRANSFER_LIMITS
from temshift.workflows.condition_files import ConditionSource, open_conditions

PANELS = 12  # most of one overview
DRAWS = 96  # of a distribution, for the shaded band
DRAWN_AZIMUTHS = 6  # of each of them, over half a turn
BAND = (0.1, 0.9)  # quantiles at its ends
FADED = 0.01  # envelope below which nothing is drawn
HIGHEST = 2.5  # end of a figure that nothing else ends [1/A]
STEPS_PER_RADIAN = 2  # of chi
POINTS = (300, 3000)  # least and most of a curve
BAND_POINTS = 600  # most of a band
HALF_PLANE = (80, 160)  # least and most points along half an axis of a plane
_OF_DOSE = ("dose_e_per_A2", "epsilon_bits")  # limits that no curve depends on
SAME = 5e-3  # transfer that differs by less between azimuths is drawn once


@dataclass(frozen=True)
class TransferSet:
    """Named distributions of conditions, the microscope that they belong to, and the height of the object [A]."""

    named: tuple[tuple[str, ImagingConditions], ...]
    microscope: Microscope
    height: float = 0.0

    def only(self, chosen: Sequence[str]) -> "TransferSet":
        """Return the conditions of some names, in the order of the file; all of them for no name.

        Raises
        ------
        InputError
            If a name is unknown.
        """
        names = [name for name, _ in self.named]
        for name in chosen:
            if name not in names:
                raise InputError(f"--condition {name!r} is not there{allowed_text(name, names)}")
        return replace(self, named=tuple(pair for pair in self.named if not chosen or pair[0] in chosen))

    def remarks(self) -> list[str]:
        """Return remarks that a person should know before reading the curves, one sentence each."""
        remarks = told_together(lens_remarks(self.named)) + self._imaging_remarks()
        blurred = [name for name, conditions in self.named if _has_mtf(conditions, self.microscope)]
        if blurred and math.isinf(self.microscope.nyquist):
            remarks.append(
                f"{', '.join(map(repr, blurred))}: the camera's MTF is left out, as the size of its pixels is unknown; "
                "give --sampling-angstrom"
            )
        return remarks

    def _imaging_remarks(self) -> list[str]:
        """Remarks on the camera, and on images of these conditions, which curves do not need."""
        nyquist, imaging = self.microscope.nyquist, self.microscope.imaging
        sampling = None if math.isinf(nyquist) else 0.5 / nyquist
        cameras = [f"imaging.camera.{remark}" for remark in imaging.camera.remarks()]
        return [*cameras, *exactness_remarks(self.named, imaging, sampling, self.microscope.energy)]


def load_transfer_set(
    path: Path | str, *, energy_kev: float | None = None, sampling: float | None = None, height: float = 0.0
) -> TransferSet:
    """Read the conditions of a file in any dialect of :mod:`temshift.workflows.condition_files`.

    Parameters
    ----------
    path : Path
        A file (YAML). A study knows its energy and its pixels; a condition of one name that a file trains and tests on
        alike is taken once.
    energy_kev : float, optional
        Electron energy [keV] of a file without one.
    sampling : float, optional
        Size of a pixel before binning [A] for a file without one, which the camera's MTF counts in.
    height : float
        Height of the object upstream of the plane that defocus counts from [A].

    Returns
    -------
    TransferSet

    Raises
    ------
    InputError
        If the file can't be read, is of another kind or is faulty; if the energy is given twice or not at all.
    """
    opened = open_conditions(path := Path(path))
    _refuse_second(path, "energy_kev", "--energy-kev", opened.energy_kev, energy_kev)
    energy = energy_kev if opened.energy_kev is None else opened.energy_kev
    if energy is None:
        add = "add energy_kev: 300 to it, or " if isinstance(opened.content, ImageSet) else ""
        raise InputError(f"{path} gives no electron energy; {add}give --energy-kev 300")
    file = opened.conditions("test")
    _refuse_second(path, "pixels", "--sampling-angstrom", file.sampling, sampling)
    if isinstance(opened.content, Study):
        nyquist = opened.content.grid.nyquist
    else:
        nyquist = math.inf if sampling is None else 0.5 / sampling
    return TransferSet(_distinct(opened), Microscope(energy * 1e3, file.forming, nyquist), height)


def transfer_curves(
    name: str, conditions: ImagingConditions, microscope: Microscope, *, height: float = 0.0, signed: bool = True
) -> TransferCurves:
    """Compute curves, plane and limits of the transfer of one distribution of conditions.

    All is at the centre of the distribution, apart from the band of draws, which goes over azimuths too. Coherence is
    always taken as envelopes. The size of a pixel is taken as it is said to be.

    Parameters
    ----------
    name : str
        Its name.
    conditions : ImagingConditions
        The distribution.
    microscope : Microscope
        Energy, camera and pixels.
    height : float
        Height of the object upstream of the plane that defocus counts from [A].
    signed : bool
        False gives |T| in place of T.

    Returns
    -------
    TransferCurves
    """
    central = conditions.central()
    seen, azimuths = central.defocused(height), half_turn(central)
    probe = _along(PROBED, azimuths, seen, microscope)
    q = _frequencies(probe, microscope)
    transfer = _along(q, azimuths, seen, microscope)
    curves = _curves(q, azimuths, transfer, microscope, signed)
    band = _drawn_band(q, conditions, microscope, height, signed)
    low, high = (np.resize(end, curves["q_per_A"].shape) for end in band)
    bands = {"phase_transfer_p10": low, "phase_transfer_p90": high}
    bands["quantum_efficiency"] = np.resize(_efficiency(q, central, microscope), curves["q_per_A"].shape)
    table = pl.DataFrame({"condition": name, **curves, **bands}, schema=TRANSFER_CURVES, nan_to_null=True)
    limits = {**transfer_limits(microscope, central, height, probe, q, transfer), "epsilon_bits": None}
    return TransferCurves(name, table, limits, _plane(q, seen, microscope, signed), signed)


def transfer_of(transfer_set: TransferSet, *, signed: bool = True) -> list[TransferCurves]:
    """Compute curves, plane and limits of all conditions of a set, and the information that each transfers."""
    bits = _epsilon_bits(transfer_set)
    computed = [
        transfer_curves(name, conditions, transfer_set.microscope, height=transfer_set.height, signed=signed)
        for name, conditions in transfer_set.named
    ]
    return [replace(curves, limits={**curves.limits, "epsilon_bits": bits.get(curves.name)}) for curves in computed]


def _epsilon_bits(transfer_set: TransferSet) -> dict[str, float]:
    """Epsilon of each condition for the CdSe that comes with temshift; none if the size of a pixel is unknown."""
    microscope = transfer_set.microscope
    sampling = None if math.isinf(microscope.nyquist) else 0.5 / microscope.nyquist
    bench = Bench(microscope.energy, ImagingSettings(camera=microscope.imaging.camera), sampling)
    library = shipped_library(energy=microscope.energy)
    try:
        survey, _ = survey_for([conditions for _, conditions in transfer_set.named], library, bench)
    except InputError:
        return {}
    spectra = band_of(library.mean, survey)
    return {name: information_of(survey, conditions, spectra).epsilon for name, conditions in transfer_set.named}


def together(curves: Sequence[TransferCurves]) -> list[TransferCurves]:
    """Return equal curves once, with the names of all their conditions, in the order of the first of each."""
    groups: dict[str, list[TransferCurves]] = {}
    for each in curves:
        groups.setdefault(_fingerprint(each), []).append(each)
    return [group[0] if len(group) == 1 else _joined(group) for group in groups.values()]


def _joined(group: Sequence[TransferCurves]) -> TransferCurves:
    members = tuple(Member(each.name, each.limits["dose_e_per_A2"], each.limits["epsilon_bits"]) for each in group)
    return replace(group[0], name=f"{members[0].name} and {len(members) - 1} more", members=members)


def _fingerprint(curves: TransferCurves) -> str:
    """Hash of all that is drawn of a condition."""
    drawn = {name: value for name, value in curves.limits.items() if name not in _OF_DOSE}
    plane, shift = curves.plane, curves.plane.shift
    arrays = [plane.axis, plane.transfer, *([] if shift is None else [shift])]
    table = curves.table.drop("condition").write_csv().encode()
    return hashlib.sha256(b"".join([repr(drawn).encode(), table, *(each.tobytes() for each in arrays)])).hexdigest()


def limits_table(curves: Sequence[TransferCurves]) -> pl.DataFrame:
    """Return the limits of some conditions, with the columns of ``TRANSFER_LIMITS``."""
    return pl.DataFrame([{"condition": each.name, **each.limits} for each in curves], schema=TRANSFER_LIMITS)


def write_transfer(curves: Sequence[TransferCurves], folder: Path | str) -> list[Path]:
    """Write tables and pictures of some conditions.

    Parameters
    ----------
    curves : sequence of TransferCurves
        At least one.
    folder : Path
        Made if it is missing; files of the same names in it are replaced.

    Returns
    -------
    list of Path
        ``transfer.csv``, ``limits.csv``, the overview (several, numbered, of many conditions), and
        two figures of each condition, as PNG and SVG; conditions with equal curves are drawn once.
    """
    folder = Path(folder)
    require_folder(folder)
    tables = {"transfer.csv": pl.concat([each.table for each in curves]), "limits.csv": limits_table(curves)}
    for file, table in tables.items():
        write_bytes(folder / file, table.write_csv(float_precision=6).encode())
    written = [folder / file for file in tables]
    for stem, figure in _figures(together(curves)):
        for picture in (folder / f"{stem}.png", folder / f"{stem}.svg"):
            with replacing(picture) as temporary:
                save_figure(figure, temporary)
            written.append(picture)
    return written


def _figures(curves: Sequence[TransferCurves]) -> Iterator[tuple[str, Figure]]:
    """Figures with the stems of their files, one at a time."""
    pages = [curves[first : first + PANELS] for first in range(0, len(curves), PANELS)]
    for number, page in enumerate(pages, 1):
        yield "overview" if len(pages) == 1 else f"overview-{number}", overview_figure(page)
    names = [each.members[0].name if each.members else each.name for each in curves]
    for each, stem in zip(curves, file_stems(names), strict=True):
        yield f"{stem}_curves", curve_figure(each)
        yield f"{stem}_plane", plane_figure(each)


def require_folder(folder: Path | str) -> None:
    """Refuse a path that is a file."""
    if Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"--output {folder} is a file; name a folder")


def file_stems(names: Sequence[str]) -> list[str]:
    """Return names of files, with a number if two conditions would have the same.

    Examples
    --------
    >>> file_stems(["dose 30 e/A2", "dose 30 e.A2", "Dose 30 e.A2"])
    ['dose_30_e_A2', 'dose_30_e.A2', 'Dose_30_e.A2-2']
    """
    stems: list[str] = []
    for name in names:
        stem, taken = folder_name(name), [other.casefold() for other in stems]
        several = [stem, *(f"{stem}-{number}" for number in range(2, len(names) + 1))]
        stems.append(next(one for one in several if one.casefold() not in taken))
    return stems


def _has_mtf(conditions: ImagingConditions, microscope: Microscope) -> bool:
    given = "mtf_half_frequency" in conditions.fields_given()
    return given or microscope.imaging.camera.mtf_table is not None


def _refuse_second(path: Path, what: str, option: str, own: float | None, given: float | None) -> None:
    if own is not None and given is not None and abs(given - own) > 1e-9 * own:
        raise InputError(f"{option} {given:g}: {path} has its own {what}, {own:g}; leave the option out")


def _distinct(opened: ConditionSource) -> tuple[tuple[str, ImagingConditions], ...]:
    """Conditions of a file; those of one name that differ between training and test are named with their role."""
    roles = opened.roles()
    training, test = dict(roles["training"]), dict(roles["test"])
    unlike = {name for name in training if name in test and training[name] != test[name]}
    named = {f"training {name}" if name in unlike else name: one for name, one in training.items()}
    return tuple({**named, **{f"test {name}" if name in unlike else name: one for name, one in test.items()}}.items())


def _frequencies(probe: ImageTransfer, microscope: Microscope) -> Array:
    """Frequencies of a curve [1/A]: as far as anything passes, as many as chi needs."""
    visible = np.flatnonzero(probe.envelope.max(axis=0) >= FADED)
    passed = PROBED[visible[-1]] if len(visible) else PROBED[0]
    end = min(1.08 * passed, HIGHEST, 1.08 * microscope.image_nyquist)
    inside = probe.even[:, : np.searchsorted(PROBED, end)]
    steepest = np.abs(np.diff(inside, axis=1)).max(initial=0.0) / (PROBED[1] - PROBED[0])
    points = int(np.clip(STEPS_PER_RADIAN * steepest * end, *POINTS))
    return np.linspace(0, end, points + 1)[1:]


def _along(q: Array, azimuths: Array, seen: Conditions, microscope: Microscope) -> ImageTransfer:
    """Transfer of one condition (azimuths, frequencies)."""
    return image_transfer(polar_plane(q, azimuths), microscope, seen, step=float(q[0])).shaped(len(azimuths))


def _curves(
    q: Array, azimuths: Array, transfer: ImageTransfer, microscope: Microscope, signed: bool
) -> dict[str, NDArray[Any]]:
    """Columns of the table that belong to the centre: rows of the two extreme azimuths, or of one."""
    shown = _extremes(transfer)
    phase, amplitude = _as_drawn(transfer.phase, signed), _as_drawn(transfer.amplitude, signed)
    columns = {"phase_transfer": phase, "amplitude_transfer": amplitude}
    columns |= {
        name: getattr(transfer, name) for name in ("aperture", "temporal", "spatial", "motion", "camera", "envelope")
    }
    return {
        "azimuth_deg": np.degrees(azimuths[shown]).repeat(len(q)),
        "q_per_A": np.tile(q, len(shown)),
        "angle_mrad": np.tile(q, len(shown)) * microscope.wavelength * 1e3,
        **{name: values[shown].ravel() for name, values in columns.items()},
        "phase_transfer_lowest": np.tile(phase.min(axis=0), len(shown)),
        "phase_transfer_highest": np.tile(phase.max(axis=0), len(shown)),
    }


def _efficiency(q: Array, central: Conditions, microscope: Microscope) -> Array:
    """DQE of the camera (frequencies,); NaN if the size of its pixels is unknown."""
    if math.isinf(microscope.nyquist):
        return np.full(len(q), np.nan)
    return np.asarray(image_efficiency(torch.from_numpy(q), microscope, central)[0].numpy())


def _extremes(transfer: ImageTransfer) -> list[int]:
    """Two azimuths between which chi, or if it is round the envelopes, differ most; one if nothing differs."""
    if max(np.ptp(values, axis=0).max() for values in (transfer.phase, transfer.envelope)) < SAME:
        return [0]
    weight = transfer.envelope.max(axis=0)
    chi, passed = (values @ weight for values in (transfer.even, transfer.envelope))
    key = chi if np.ptp(chi) > 1e-9 * np.abs(chi).max() else passed
    return sorted({int(key.argmin()), int(key.argmax())})


def _drawn_band(q: Array, conditions: ImagingConditions, microscope: Microscope, height: float, signed: bool) -> Array:
    """Quantiles of T over draws and azimuths, (2, frequencies); NaN if no parameter is drawn."""
    if all(one.sd == 0 for one in conditions.distributions().values()):
        return np.full((2, len(q)), np.nan)
    drawn = drawn_conditions(conditions, range(DRAWS), Stream(0))
    every = half_turn(drawn)
    azimuths = every[:: max(1, len(every) // DRAWN_AZIMUTHS)]
    some = q[:: -(-len(q) // BAND_POINTS)]
    seen = drawn.defocused(height)
    phase = image_transfer(polar_plane(some, azimuths), microscope, seen, step=float(q[0])).phase
    ends = np.quantile(_as_drawn(phase, signed).reshape(-1, len(some)), BAND, axis=0)
    return np.stack([np.interp(q, some, end) for end in ends])


def _plane(q: Array, seen: Conditions, microscope: Microscope, signed: bool) -> TransferPlane:
    """T over (q_y, q_x), and its phase if aberrations that are odd in the angle shift the image.

    T(-q) is the conjugate of T(q), so half of the plane gives the other.
    """
    half = int(np.clip(len(q) // 4, *HALF_PLANE))
    axis = np.linspace(-q[-1], q[-1], 2 * half + 1)
    upper = torch.from_numpy(axis[None, :] + 1j * axis[: half + 1, None])
    transfer = image_transfer(upper.reshape(-1), microscope, seen, step=float(axis[1] - axis[0]))
    phase, shift = (values.reshape(half + 1, -1) for values in (transfer.phase, transfer.shift))
    phase, shift = np.vstack([phase, phase[-2::-1, ::-1]]), np.vstack([shift, -shift[-2::-1, ::-1]])
    return TransferPlane(axis, _as_drawn(phase, signed), shift if np.ptp(shift) > SAME else None)


def _as_drawn(transfer: Array, signed: bool) -> Array:
    return transfer if signed else np.abs(transfer)
