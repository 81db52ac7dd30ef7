"""Read files of conditions to compare: one set of parameters, an image set, conditions to score under, or a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.messages import allowed_text
from temshift.configuration.model import load_configuration
from temshift.configuration.yaml_document import read_document
from temshift.core.errors import InputError
from temshift.image_sets.image_set import ImageSet
from temshift.optics.settings import ImagingSettings
from temshift.scoring.scoring_conditions import ScoringConditions
from temshift.studies.planning.study import Study

Role = Literal["training", "test"]
T = TypeVar("T")


@dataclass(frozen=True)
class ConditionsFile:
    """Named distributions of a file, and what it tells of the microscope; None where it doesn't.

    Attributes
    ----------
    path : Path
        The file.
    named : dict
        Whole conditions by name.
    energy : float, optional
        Electron energy [eV].
    imaging : ImagingSettings, optional
        With the camera, where the file tells one.
    sampling : float, optional
        Size of a pixel before binning [A].
    """

    path: Path
    named: dict[str, ImagingConditions]
    energy: float | None = None
    imaging: ImagingSettings | None = None
    sampling: float | None = None

    def only(self, names: Sequence[str]) -> "ConditionsFile":
        """Return those of some names; all of them for no name.

        Raises
        ------
        InputError
            Where a name is unknown.
        """
        for name in names:
            if name not in self.named:
                raise InputError(f"{self.path} has no condition {name!r}{allowed_text(name, list(self.named))}")
        kept = {name: one for name, one in self.named.items() if not names or name in names}
        return ConditionsFile(self.path, kept, self.energy, self.imaging, self.sampling)


def read_conditions(path: Path, role: Role) -> ConditionsFile:
    """Read the distributions of a file.

    Parameters
    ----------
    path : Path
        YAML: the parameters of one distribution (``defocus_nm: ...``), an image set (a list ``conditions``), conditions
        to score under (``test``), or a study.
    role : {"training", "test"}
        Which distributions of a study are wanted, or of conditions to score under, where those tell the training.

    Returns
    -------
    ConditionsFile

    Raises
    ------
    InputError
        Where the file can't be read or is faulty.
    """
    kind = _kind_of(path)
    found = load_configuration(path, kind)
    if isinstance(found, Study):
        named = dict(found.conditions.resolved(role))
        return ConditionsFile(path, named, found.exit_waves.energy, _told(found.imaging), max(found.grid.sampling))
    if isinstance(found, ImageSet):
        energy = None if found.energy_kev is None else found.energy_kev * 1e3
        return ConditionsFile(path, dict(found.resolved()), energy, _told(found.imaging))
    if isinstance(found, ScoringConditions):
        trained = found.trained_on if role == "training" else None
        return ConditionsFile(path, found.tests if trained is None else dict([trained]), imaging=_told(found.imaging))
    return ConditionsFile(path, {path.stem: found})


def agreed(what: str, told: Sequence[T | None]) -> T | None:
    """Return what all that tell it agree upon, None where none does; an InputError where they differ."""
    values = [one for one in told if one is not None]
    if any(value != values[0] for value in values):
        raise InputError(f"{what} is told twice, and differently; all has to be of one microscope")
    return values[0] if values else None


def _told(imaging: ImagingSettings) -> ImagingSettings | None:
    """Settings that tell a camera: how coherence is treated does not matter to transfer functions."""
    return ImagingSettings(camera=imaging.camera) if "camera" in imaging.model_fields_set else None


def _kind_of(path: Path) -> type[ImageSet] | type[Study] | type[ScoringConditions] | type[ImagingConditions]:
    """Tell the kind of a file from its keys."""
    try:
        data: Any = read_document(path.read_text(encoding="utf-8-sig")).data
    except (OSError, UnicodeDecodeError):
        return ImagingConditions  # reading it tells why
    if not isinstance(data, dict):
        return ImagingConditions
    if "conditions" in data and "test" not in data:
        return Study if isinstance(data["conditions"], dict) else ImageSet
    return ScoringConditions if data.keys() & {"test", "training"} else ImagingConditions
