"""The parameters that imaging conditions differ in: what a reader calls them, and the unit of their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from temshift.figures.labels import brief
from temshift.vocabulary import ABERRATIONS, CANONICAL
from temshift.vocabulary.parameters import Parameter

_UNITS = {
    "percent": "%",
    "e_per_A2": "e/Å²",
    "counts_per_e": "counts/e",
    "frequency": "of Nyquist",
    "counts": "counts",
    "deg": "°",
    "mrad": "mrad",
    "ppm": "ppm",
    "per_megapixel": "per megapixel",
    "nm": "nm",
    "um": "µm",
    "mm": "mm",
    "ev": "eV",
}
_WORDS = {
    "C10": "defocus",
    "C12": "twofold astigmatism",
    "C21": "axial coma",
    "C23": "threefold astigmatism",
    "C30": "spherical aberration",
    "C32": "star aberration",
    "C34": "fourfold astigmatism",
    "C41": "fourth-order axial coma",
    "C43": "three-lobe aberration",
    "C45": "fivefold astigmatism",
    "C50": "fifth-order spherical aberration",
    "C52": "fifth-order star aberration",
    "C54": "rosette aberration",
    "C56": "sixfold astigmatism",
    "focal_spread_sigma": "focal spread σ",
    "Cc": "chromatic aberration Cc",
    "energy_spread_sigma": "energy spread σ",
    "voltage_instability_sigma": "instability of the voltage σ",
    "current_instability_sigma": "instability of the lens current σ",
    "angular_spread_sigma": "angular spread σ",
    "semiangle_cutoff": "aperture semi-angle",
    "aperture_edge": "width of the aperture's edge",
    "vibration_sigma": "vibration σ",
    "pixel_size_error": "error of the pixel size",
    "mtf_half_frequency": "half frequency of the MTF",
    "ntf_half_frequency": "half frequency of the NTF",
    "dqe_zero": "DQE at frequency 0",
    "gain": "gain of the camera",
    "read_noise": "read noise σ",
    "transfer_exponent": "exponent of the camera's transfer",
    "scattering_share": "share of scattering in the camera's blur",
    "counting_frames": "frames of counting",
    "illumination_sd": "unevenness of the illumination σ",
    "gain_residue_sd": "residue of the gain σ",
    "dead_pixels": "dead pixels",
    "hot_pixels": "hot pixels",
    "hot_pixel_level": "level of hot pixels over the mean",
    "xray_hits": "x-ray hits",
    "xray_counts": "signal of an x-ray hit",
    "camera_number": "number of the camera",
}
_ABSENT = {
    "semiangle_cutoff": "no aperture",
    "mtf_half_frequency": "perfect",
    "ntf_half_frequency": "perfect",
    "transfer_exponent": "that of the camera's shape",
    "scattering_share": "not stated",
    "counting_frames": "without loss",
}


@dataclass(frozen=True)
class Axis:
    """A parameter of the imaging conditions along which test conditions are drawn.

    ``absent`` stands for a missing number: no aperture, a perfect camera. ``azimuth`` says whether it is an angle
    about the optical axis, which says nothing without the magnitude that it belongs to.
    """

    key: str
    column: str
    label: str
    unit: str
    absent: str = "none"
    azimuth: bool = False

    @property
    def title(self) -> str:
        """Name and unit, such as "defocus [nm]"."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def along(self) -> str:
        """The words along its axis in a figure, which also give the sign of the defocus."""
        return f"{self.title}, underfocus positive" if self.column == DEFOCUS.column else self.title

    def words(self, value: float | None) -> str:
        """Return name, value and unit, such as "dose 400 e/Å²"."""
        return f"{self.label} {self.figure(value)}"

    def figure(self, value: float | None) -> str:
        """Return value and unit."""
        return self.absent if value is None else f"{brief(value)} {self.unit}".strip()


def _axis(row: Parameter) -> Axis:
    label = _WORDS.get(row.field, row.field.replace("_", " ").replace("phi", "azimuth of C"))
    named = f"{label} {row.field}" if row.field in ABERRATIONS and row.field != "C10" else label
    unit = next((unit for end, unit in _UNITS.items() if row.key.endswith(f"_{end}")), "")
    azimuth = row.field.startswith("phi") or row.field.endswith("azimuth")
    return Axis(row.key, f"test_{row.key}", named, unit, _ABSENT.get(row.field, "none"), azimuth)


_ROWS = sorted(CANONICAL, key=lambda row: {"C10": 0, "dose": 1}.get(row.field, 2))
AXES = tuple(map(_axis, _ROWS))  # defocus, dose, then as in the table of parameters
DEFOCUS = AXES[0]
SEVERAL = Axis("several", DEFOCUS.column, "several changes at once; drawn over defocus", DEFOCUS.unit)


def alike(first: float | None, second: float | None) -> bool:
    """Return whether two settings are the same but for rounding; two missing ones are."""
    if first is None or second is None:
        return first is second
    return abs(first - second) <= 1e-9 * max(abs(first), abs(second))


def spread_words(settings: Mapping[str, tuple[float | None, float]]) -> str:
    """Return what varies in a distribution of conditions: centre and standard deviation by key.

    Examples
    --------
    >>> spread_words({"defocus_nm": (-10.0, 1.5), "dose_e_per_A2": (400.0, 0.0)})
    'defocus −10 ± 1.5 nm'
    """
    varied = [axis for axis in AXES if settings.get(axis.key, (None, 0.0))[1] > 0 and not axis.azimuth]
    return ", ".join(_spread(axis, *settings[axis.key]) for axis in varied)


def _spread(axis: Axis, center: float | None, sd: float) -> str:
    return (
        axis.words(center) if center is None else f"{axis.label} {brief(center)} ± {brief(sd, 3)} {axis.unit}".strip()
    )
