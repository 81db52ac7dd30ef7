"""Read files of conditions to compare: one set of parameters, an image set, conditions to score under, or a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.messages import allowed_text
from temshift.core.errors import InputError
from temshift.image_sets.image_set import ImageSet
from temshift.optics.settings import ImagingSettings
from temshift.scoring.scoring_conditions import ScoringConditions
from temshift.studies.planning.study import Study
from temshift.workflows.input_files import load_input

Role = Literal["training", "test"]
T = TypeVar("T")

_MODELS: tuple[type[ImageSet | ScoringConditions | Study | ImagingConditions], ...] = (
    ImageSet,
    ScoringConditions,
    Study,
    ImagingConditions,
)


@dataclass(frozen=True)
class ConditionsFile:
    """Named distributions of a file, and its microscope; None if the file does not give that.

    Attributes
    ----------
    path : Path
        The file.
    named : dict
        Whole conditions by name.
    energy : float, optional
        Electron energy [eV].
    imaging : ImagingSettings, optional
        With the camera, if the file gives one.
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
            If a name is unknown.
        """
        for name in names:
            if name not in self.named:
                raise InputError(f"{self.path} has no condition {name!r}{allowed_text(name, list(self.named))}")
        kept = {name: conditions for name, conditions in self.named.items() if not names or name in names}
        return ConditionsFile(self.path, kept, self.energy, self.imaging, self.sampling)


def read_conditions(path: Path, role: Role) -> ConditionsFile:
    """Read the distributions of a file.

    Parameters
    ----------
    path : Path
        YAML: the parameters of one distribution (``defocus_nm: ...``), an image set (a list ``conditions``), conditions
        to score under (``test``), or a study.
    role : {"training", "test"}
        Which distributions of a study are asked for, or of conditions to score under if they give the training.

    Returns
    -------
    ConditionsFile

    Raises
    ------
    InputError
        If the file can't be read, is faulty, or is of another kind.
    """
    content = load_input(path, *_MODELS)
    if isinstance(content, Study):
        named = dict(content.conditions.resolved(role))
        energy, sampling = content.exit_waves.energy, max(content.grid.sampling)
        return ConditionsFile(path, named, energy, _camera_of(content.imaging), sampling)
    if isinstance(content, ImageSet):
        volts = None if content.energy_kev is None else content.energy_kev * 1e3
        return ConditionsFile(path, dict(content.resolved()), volts, _camera_of(content.imaging))
    if isinstance(content, ScoringConditions):
        trained = content.trained_on if role == "training" else None
        named = content.tests if trained is None else dict([trained])
        return ConditionsFile(path, named, imaging=_camera_of(content.imaging))
    return ConditionsFile(path, {path.stem: content})


def agreed(name: str, given: Sequence[T | None]) -> T | None:
    """Return the value that all agree upon, None if none has any; an InputError if they differ."""
    values = [value for value in given if value is not None]
    if any(value != values[0] for value in values):
        raise InputError(f"{name} is given twice, and differently; all has to be of one microscope")
    return values[0] if values else None


def _camera_of(imaging: ImagingSettings) -> ImagingSettings | None:
    """Settings of the camera alone, if there is one: how coherence is treated does not matter to transfer functions."""
    return ImagingSettings(camera=imaging.camera) if "camera" in imaging.model_fields_set else None
