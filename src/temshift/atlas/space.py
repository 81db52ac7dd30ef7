"""The space of the atlas: its distributions by name, and where any distribution lies in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temshift.conditions import ImagingConditions, Setting, summary
from temshift.information import Survey
from temshift.storage import example
from temshift.studies import Study, load_study, survey_of
from temshift.vocabulary.parameters import CANONICAL

Array = NDArray[np.float64]

STUDY_FILE = "atlas.yaml"
# Parameters that differ within the atlas, and the least centre that counts: below it a logarithm would mean nothing.
LINEAR = ("defocus_nm", "C30_mm", "dqe_zero")
LOGARITHMIC = {"dose_e_per_A2": 1.0, "C12_nm": 0.1, "C21_nm": 5.0, "focal_spread_sigma_nm": 0.1}
CAMERA = "mtf_half_frequency"  # its reciprocal, 0 for a perfect camera
AXES = (
    *LINEAR,
    *(f"ln {key}" for key in LOGARITHMIC),
    f"1 / {CAMERA}",
    "ln(1 + sd of defocus_nm)",
    *(f"sd of {key} / centre" for key in LOGARITHMIC),
)
# Beside these: azimuths, which images of turned specimens average over, what comes with a camera, and the aperture.
_OTHERS = ("phi12_deg", "phi21_deg", "transfer_exponent", "scattering_share", "semiangle_cutoff_mrad")


@dataclass(frozen=True)
class AtlasSpace:
    """The study that the atlas is made by.

    Attributes
    ----------
    study : Study
        Its definition.
    """

    study: Study

    @classmethod
    def shipped(cls, path: Path | str | None = None) -> "AtlasSpace":
        """Read the definition of the atlas, that of the package by default.

        Raises
        ------
        InputError
            If the file can't be read, or is no study.
        """
        return cls(load_study(example(STUDY_FILE) if path is None else Path(path)))

    @cached_property
    def trainings(self) -> Mapping[str, ImagingConditions]:
        """Training distributions by name."""
        return dict(self.study.conditions.resolved("training"))

    @cached_property
    def tests(self) -> Mapping[str, ImagingConditions]:
        """Test conditions by name."""
        return dict(self.study.conditions.resolved("test"))

    @cached_property
    def survey(self) -> Survey:
        """Microscope and band of its images."""
        return survey_of(self.study)

    def foreign_words(self, conditions: ImagingConditions) -> list[str]:
        """Report parameters that the atlas does not vary and that differ from its own."""
        own, given = (summary(one) for one in (next(iter(self.trainings.values())), conditions))
        names = [row.key for row in CANONICAL if row.key not in (*_NAMED, *_OTHERS)]
        names.append("semiangle_cutoff_mrad")
        return [
            f"{name} {_text(given[name])} is not what the atlas has, {_text(own[name])}"
            for name in names
            if not _alike(given[name], own[name])
        ]


_NAMED = (*LINEAR, *LOGARITHMIC, CAMERA)


def plain_name(name: str, kind: str) -> str:
    """Return the name of a distribution without the kind of specimens that tables add to it.

    Examples
    --------
    >>> plain_name("training 0001, CdSe", "CdSe"), plain_name("corner 1", "CdSe")
    ('training 0001', 'corner 1')
    """
    return re.sub(f", {re.escape(kind)}$", "", name)


def location(conditions: ImagingConditions) -> Array:
    """Return where a distribution lies along each of :data:`AXES`.

    Lengths and shares by themselves, doses, astigmatism, coma and focal spread by their logarithms, a camera by the
    reciprocal of its half frequency; the spread of defocus by the logarithm of its standard deviation and 1 nm, that of
    the others as a share of the centre.

    Examples
    --------
    >>> at = location(ImagingConditions(defocus_nm=-10, dose_e_per_A2=100))
    >>> float(at[AXES.index("defocus_nm")]), float(at[AXES.index("1 / mtf_half_frequency")])
    (-10.0, 0.0)
    """
    settings = summary(conditions)
    linear = [_number(settings[key].center) for key in LINEAR]
    logarithms = [np.log(max(_number(settings[key].center), least)) for key, least in LOGARITHMIC.items()]
    half = settings[CAMERA].center
    focus = np.log1p(settings["defocus_nm"].sd)
    shares = [_share(settings[key], least) for key, least in LOGARITHMIC.items()]
    return np.array([*linear, *logarithms, 0.0 if half is None else 1 / half, focus, *shares])


def _number(value: float | None) -> float:
    return 0.0 if value is None else value


def _share(setting: Setting, least: float) -> float:
    return setting.sd / max(_number(setting.center), least)


def _alike(ours: Setting, theirs: Setting) -> bool:
    pairs = zip((_number(ours.center), ours.sd), (_number(theirs.center), theirs.sd), strict=True)
    return (ours.center is None) == (theirs.center is None) and all(
        abs(a - b) <= 1e-9 + 1e-6 * abs(b) for a, b in pairs
    )


def _text(setting: Setting) -> str:
    spread = f" +- {setting.sd:g}" if setting.sd else ""
    return ("without limit" if setting.center is None else f"{setting.center:g}") + spread
