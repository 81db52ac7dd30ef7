"""The one reader of conditions: one set of parameters, an image set, conditions to score under, or a study."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from temshift.conditions import ConditionItem, ImagingConditions, Items, PartialConditions
from temshift.configuration import Configuration, KeyPath, allowed_text
from temshift.core import InputError
from temshift.image_sets import ImageSet
from temshift.information import FocusPlane
from temshift.optics import EXACT, ImagingSettings, exactness_remarks
from temshift.scoring import AnyConditions, ScoringConditions, scoring_conditions
from temshift.studies import Study
from temshift.workflows.input_files import load_input

Role = Literal["training", "test"]
T = TypeVar("T")

Dialect: TypeAlias = ImageSet | ScoringConditions | Study | ImagingConditions
DIALECTS: tuple[type[Dialect], ...] = (ImageSet, ScoringConditions, Study, ImagingConditions)


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
    forming : ImagingSettings
        How the file has images formed, coherence included.
    focus : {"exit_plane", "minimum_contrast"}, optional
        The plane that its defocus counts from; a study alone names it.
    """

    path: Path
    named: dict[str, ImagingConditions]
    energy: float | None = None
    imaging: ImagingSettings | None = None
    sampling: float | None = None
    forming: ImagingSettings = EXACT
    focus: FocusPlane | None = None

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
        return replace(self, named=kept)


@dataclass(frozen=True)
class ConditionSource:
    """A file of conditions in any of its dialects, which turns into the one that a verb needs.

    Attributes
    ----------
    path : Path
        The file.
    content : ImageSet, ScoringConditions, Study or ImagingConditions
        Its content: a list ``conditions``, a list ``test``, a study, or the parameters of one distribution.
    """

    path: Path
    content: Dialect

    @property
    def energy_kev(self) -> float | None:
        """Electron energy [keV], if the file gives it."""
        if isinstance(self.content, Study):
            return self.content.exit_waves.energy_kev
        return self.content.energy_kev if isinstance(self.content, ImageSet) else None

    @property
    def focus(self) -> FocusPlane | None:
        """The plane that defocus counts from, if the file names it."""
        return self.content.exit_waves.focus if isinstance(self.content, Study) else None

    def require_focus(self, focus: FocusPlane) -> None:
        """Refuse a file whose defocus counts from another plane than that of some specimens."""
        if self.focus not in (None, focus):
            raise InputError(
                f"{self.path}: exit_waves.focus is {self.focus}, but defocus of the specimens counts from {focus}; "
                "give conditions that count from there"
            )

    def image_set(self) -> ImageSet:
        """Return the image set that the file stands for: of its test conditions, if it has others."""
        if isinstance(self.content, ImageSet):
            return self.content
        items, default = self._tests()
        settings = self._settings() | ({"energy_kev": self.energy_kev} if self.energy_kev else {})
        return ImageSet(conditions=items, default=default, **{"seed": 0, **settings})

    def scoring(self) -> ScoringConditions:
        """Return the conditions to score under that the file stands for."""
        if isinstance(self.content, ScoringConditions):
            return self.content
        items, default = self._tests()
        return ScoringConditions(test=items, default=default, **self._settings())

    def conditions(self, role: Role) -> ConditionsFile:
        """Return the distributions of one role, by name; see :func:`read_conditions`."""
        named, energy = dict(self.roles()[role]), self.energy_kev
        volts = None if energy is None else energy * 1e3
        imaging = self._settings().get("imaging")
        camera, coherence = (None, EXACT) if imaging is None else (_camera_of(imaging), imaging)
        sampling = max(self.content.grid.sampling) if isinstance(self.content, Study) else None
        return ConditionsFile(self.path, named, volts, camera, sampling, coherence, self.focus)

    def roles(self) -> dict[Role, list[tuple[str, ImagingConditions]]]:
        """Return names and whole conditions for training and testing; the same for both if the file has one list."""
        content = self.content
        if isinstance(content, Study):
            return {"training": content.conditions.resolved("training"), "test": content.conditions.resolved("test")}
        if isinstance(content, ScoringConditions):
            tests = list(content.tests.items())
            return {"training": tests if content.trained_on is None else [content.trained_on], "test": tests}
        named = content.resolved() if isinstance(content, ImageSet) else [(self.path.stem, content)]
        return {"training": named, "test": named}

    def place(self, place: KeyPath) -> KeyPath:
        """Return the place in this file of a place in :meth:`image_set` or :meth:`scoring`."""
        key, *rest = place or ("",)
        if key not in ("conditions", "test", "energy_kev"):
            return place
        if isinstance(self.content, Study):
            return ("exit_waves",) if key == "energy_kev" else ("conditions", "test", *rest)
        if isinstance(self.content, ImagingConditions):
            return ()
        own = "conditions" if isinstance(self.content, ImageSet) else "test"
        return (own, *rest) if key != "energy_kev" else place

    def energy_faults(self, volts: float) -> list[tuple[KeyPath, str]]:
        """Return the fault of a file for another electron energy than that of the waves [eV], and its place."""
        energy = self.energy_kev
        if energy is None or abs(energy * 1e3 - volts) <= 1e-6 * volts:
            return []
        there = f"{volts / 1e3:g}"
        return [(self.place(("energy_kev",)), f"given {energy:g} keV, but the waves are of {there} keV; give {there}")]

    def require_energy(self, volts: float) -> None:
        """Refuse a file for another electron energy than that of some waves [eV]."""
        for _, fault in self.energy_faults(volts):
            raise InputError(f"{self.path}: energy_kev: {fault}")

    def _tests(self) -> tuple[Items, PartialConditions]:
        """The items of the file to test on, and their default."""
        content = self.content
        if isinstance(content, ImagingConditions):
            tied = {"correlations": content.correlations, "measured": content.measured}
            item = ConditionItem(**{"name": self.path.stem[:80] or "conditions", **content.given(), **tied})
            return (item,), PartialConditions()
        if isinstance(content, Study):
            return content.conditions.test, content.conditions.default
        return (content.conditions if isinstance(content, ImageSet) else content.test), content.default

    def _settings(self) -> dict[str, Any]:
        """Seed and imaging, if the file gives them."""
        given = self.content.model_fields_set & {"seed", "imaging"}
        return {name: getattr(self.content, name) for name in ("seed", "imaging") if name in given}


def open_conditions(path: Path | str) -> ConditionSource:
    """Read a file of conditions in any dialect.

    Raises
    ------
    InputError
        If the file can't be read, is faulty, or is of another kind.
    """
    path = Path(path)
    return ConditionSource(path, load_input(path, *DIALECTS))


def load_scoring(given: AnyConditions) -> ScoringConditions:
    """Read conditions to score under from a file in any dialect; a mapping goes to :func:`scoring_conditions`."""
    return given_scoring(given)[0]


def given_scoring(given: AnyConditions) -> tuple[ScoringConditions, ConditionSource | None]:
    """Read conditions as :func:`load_scoring` does, and also return the file, if they come from one."""
    if not isinstance(given, (str, Path)):
        return scoring_conditions(given), None
    opened = open_conditions(Path(given))
    return opened.scoring(), opened


def read_conditions(path: Path | str, role: Role) -> ConditionsFile:
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
    path = Path(path)
    return open_conditions(path).conditions(role)


def forming_remarks(files: Sequence[ConditionsFile], energy: float, sampling: float | None) -> list[str]:
    """Return why no images can be formed under conditions of some files that are compared without images.

    Parameters
    ----------
    files : sequence of ConditionsFile
        Each has its own treatment of coherence.
    energy : float
        Electron energy [eV].
    sampling : float, optional
        Size of a pixel before binning [A]; that of each file if it is left out.
    """
    remarks = [
        remark
        for file in files
        for remark in exactness_remarks(list(file.named.items()), file.forming, sampling or file.sampling, energy)
    ]
    return list(dict.fromkeys(remarks))


def resolved_plain(content: Configuration) -> dict[str, Any]:
    """Return a file as plain values, its series and defaults written out, its hidden values filled in."""
    plain: dict[str, Any] = content.model_dump(mode="json", exclude_none=True)
    if not isinstance(content, (ImageSet, ScoringConditions)):
        return plain
    del plain["default"]
    if isinstance(content, ImageSet):
        return plain | {"conditions": _listed(content.resolved())}
    trained = [] if content.trained_on is None else [content.trained_on]
    return plain | ({"training": _listed(trained)} if trained else {}) | {"test": _listed(content.tests.items())}


def _listed(named: Iterable[tuple[str, ImagingConditions]]) -> list[dict[str, Any]]:
    return [{"name": name, **whole.model_dump(mode="json", exclude_none=True)} for name, whole in named]


def agreed(name: str, given: Sequence[T | None], remedy: str = "") -> T | None:
    """Return the value that all agree upon, None if none has any; an InputError, with a remedy, if they differ."""
    values = [value for value in given if value is not None]
    if any(value != values[0] for value in values):
        raise InputError(f"{name} is given twice, and differently; all has to be of one microscope{remedy}")
    return values[0] if values else None


def _camera_of(imaging: ImagingSettings) -> ImagingSettings | None:
    """Settings of the camera alone, if there is one: how coherence is treated does not matter to transfer functions."""
    return ImagingSettings(camera=imaging.camera) if "camera" in imaging.model_fields_set else None
