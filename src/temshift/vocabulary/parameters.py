"""Every number that an imaging condition has: its key in files, its unit, and what physics allows.

Keys name their unit (``defocus_nm``); inside, lengths are angstrom and angles radian. Several keys may stand for one
field, such as the three widths of a focal spread; the first of them is the one that tables use.
"""

import math
from typing import NamedTuple

NANOMETRE, MICROMETRE, MILLIMETRE = 10.0, 1e4, 1e7  # A
MILLIRADIAN, DEGREE = 1e-3, math.pi / 180  # rad
PERCENT, PPM = 1e-2, 1e-6
ONE_OVER_E = 1 / math.sqrt(2)  # sigma of a normal distribution over its half width at 1/e
FWHM = 1 / (2 * math.sqrt(2 * math.log(2)))  # sigma over its full width at half maximum


class Parameter(NamedTuple):
    """One key of a condition: its field, the factor from the file's unit, and the field's bounds in the file's unit."""

    key: str
    field: str
    factor: float
    lowest: float = -math.inf
    highest: float = math.inf


# Krivanek's coefficients C_nm: order n, multiplicity m
ABERRATIONS = {
    "C10": (1, 0),
    "C12": (1, 2),
    "C21": (2, 1),
    "C23": (2, 3),
    "C30": (3, 0),
    "C32": (3, 2),
    "C34": (3, 4),
    "C41": (4, 1),
    "C43": (4, 3),
    "C45": (4, 5),
    "C50": (5, 0),
    "C52": (5, 2),
    "C54": (5, 4),
    "C56": (5, 6),
}
LENGTHS = {"nm": NANOMETRE, "um": MICROMETRE, "mm": MILLIMETRE}  # A
FARTHEST = 1e13  # bound of every aberration coefficient [A], 1 m


def azimuth(symbol: str) -> str:
    """Return the name of a coefficient's azimuth: that of C12 is phi12."""
    return f"phi{symbol[1:]}"


def customary_unit(symbol: str) -> str:
    """Return the unit that microscopists use for a coefficient."""
    usual = {1: "nm", 2: "nm", 3: "um", 4: "um", 5: "mm"}[ABERRATIONS[symbol][0]]
    return "mm" if symbol == "C30" else usual


def _aberrations() -> list[Parameter]:
    rows = [Parameter("defocus_nm", "C10", -NANOMETRE, -1e6, 1e6)]
    for symbol, (_, multiplicity) in ABERRATIONS.items():
        unit = customary_unit(symbol)
        factor = LENGTHS[unit]
        if multiplicity:
            rows += [
                Parameter(f"{symbol}_{unit}", symbol, factor, 0.0, FARTHEST / factor),
                Parameter(f"{azimuth(symbol)}_deg", azimuth(symbol), DEGREE, -3600, 3600),
            ]
        elif symbol != "C10":
            rows.append(Parameter(f"{symbol}_{unit}", symbol, factor, -FARTHEST / factor, FARTHEST / factor))
    return rows


_OTHERS = [
    Parameter("focal_spread_sigma_nm", "focal_spread_sigma", NANOMETRE, 0, 1e4),
    Parameter("Cc_mm", "Cc", MILLIMETRE, 0, 100),
    Parameter("energy_spread_sigma_ev", "energy_spread_sigma", 1.0, 0, 1e3),
    Parameter("voltage_instability_sigma_ppm", "voltage_instability_sigma", PPM, 0, 1e4),
    Parameter("current_instability_sigma_ppm", "current_instability_sigma", PPM, 0, 1e4),
    Parameter("angular_spread_sigma_mrad", "angular_spread_sigma", MILLIRADIAN, 0, 50),
    Parameter("semiangle_cutoff_mrad", "semiangle_cutoff", MILLIRADIAN, 0, 500),
    Parameter("aperture_edge_mrad", "aperture_edge", MILLIRADIAN, 0, 500),
    Parameter("dose_e_per_A2", "dose", 1.0, 0, 1e9),
    Parameter("vibration_sigma_nm", "vibration_sigma", NANOMETRE, 0, 10),
    Parameter("drift_nm", "drift", NANOMETRE, 0, 100),
    Parameter("drift_azimuth_deg", "drift_azimuth", DEGREE, -3600, 3600),
    Parameter("pixel_size_error_percent", "pixel_size_error", PERCENT, -30, 30),
    Parameter("mtf_half_frequency", "mtf_half_frequency", 1.0, 0.02, 1e3),
    Parameter("ntf_half_frequency", "ntf_half_frequency", 1.0, 0.02, 1e3),
    Parameter("dqe_zero", "dqe_zero", 1.0, 1e-3, 1),
    Parameter("gain_counts_per_e", "gain", 1.0, 1e-6, 1e6),
    Parameter("read_noise_counts", "read_noise", 1.0, 0, 1e6),
    Parameter("transfer_exponent", "transfer_exponent", 1.0, 0.2, 10),
    Parameter("scattering_share", "scattering_share", 1.0, 0, 1),
    Parameter("counting_frames", "counting_frames", 1.0, 1, 1e9),
    Parameter("illumination_sd_percent", "illumination_sd", PERCENT, 0, 20),
    Parameter("gain_residue_sd_percent", "gain_residue_sd", PERCENT, 0, 20),
    Parameter("dead_pixels_ppm", "dead_pixels", PPM, 0, 1e5),
    Parameter("hot_pixels_ppm", "hot_pixels", PPM, 0, 1e5),
    Parameter("hot_pixel_level", "hot_pixel_level", 1.0, 0, 1e4),
    Parameter("xray_hits_per_megapixel", "xray_hits", PPM, 0, 1e5),
    Parameter("xray_counts", "xray_counts", 1.0, 0, 1e6),
    Parameter("camera_number", "camera_number", 1.0, 0, 1e6),
]
WIDTHS = [
    Parameter("focal_spread_one_over_e_nm", "focal_spread_sigma", NANOMETRE * ONE_OVER_E, 0, 1e4),
    Parameter("focal_spread_fwhm_nm", "focal_spread_sigma", NANOMETRE * FWHM, 0, 1e4),
    Parameter("energy_spread_one_over_e_ev", "energy_spread_sigma", ONE_OVER_E, 0, 1e3),
    Parameter("energy_spread_fwhm_ev", "energy_spread_sigma", FWHM, 0, 1e3),
    Parameter("angular_spread_one_over_e_mrad", "angular_spread_sigma", MILLIRADIAN * ONE_OVER_E, 0, 50),
    Parameter("angular_spread_fwhm_mrad", "angular_spread_sigma", MILLIRADIAN * FWHM, 0, 50),
]

CANONICAL = (*_aberrations(), *_OTHERS)
FIELDS = tuple(row.field for row in CANONICAL)
# A field that is left out: no aperture, a perfect camera, nothing else. An exponent that is left out is that of the
# camera's shape; without a scattering share the NTF has a half frequency of its own.
DEFAULTS = dict.fromkeys(FIELDS, 0.0) | {
    "semiangle_cutoff": math.inf,
    "mtf_half_frequency": math.inf,
    "ntf_half_frequency": math.inf,
    "transfer_exponent": math.inf,
    "scattering_share": math.inf,
    "counting_frames": math.inf,
    "dqe_zero": 1.0,
    "gain": 1.0,
}
# Cameras by name: the keys that ``camera: NAME`` stands for among conditions. All are assumed, none is measured.
# scintillator: under these keys simulated micrographs suited networks that others had trained on real ones from such a
# camera, the best of a few that were tried. counting: of the order of published direct detectors.
CAMERAS = {
    "scintillator": {"mtf_half_frequency": 0.3, "transfer_exponent": 1.0, "scattering_share": 0.0, "dqe_zero": 0.5},
    "counting": {"mtf_half_frequency": 0.8, "transfer_exponent": 2.0, "scattering_share": 1.0, "dqe_zero": 0.8},
}
# Fields that mark images and that no formula of transfer or noise knows: what metrics and observers leave out.
NUISANCES = ("illumination_sd", "gain_residue_sd", "dead_pixels", "hot_pixels", "xray_hits")
POSITIVE = ("dose", "semiangle_cutoff")  # fields that must lie above 0
REQUIRED = ("C10", "dose")  # fields without default
