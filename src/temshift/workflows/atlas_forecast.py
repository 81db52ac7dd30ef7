"""Questions that need no study of one's own: the atlas says what networks score, and which of its trainings do well."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from temshift.atlas import KINDS, AtlasAnswers
from temshift.conditions import ImagingConditions, lens_remarks, told_together
from temshift.configuration import allowed_text, parse_configuration, write_document
from temshift.core import InputError
from temshift.information import LEVEL, Objective
from temshift.optics import imaging_faults
from temshift.scoring import AnyConditions, ScoringConditions, scoring_conditions
from temshift.storage import write_text
from temshift.workflows.condition_files import Role, read_conditions

KIND = "CdSe"  # specimens, unless others are asked for


@dataclass(frozen=True)
class AtlasForecast:
    """Predicted scores of networks that need not exist.

    Attributes
    ----------
    table : polars.DataFrame
        A row a training x test distribution: ``cross_entropy`` and ``f1`` with the ends of their intervals,
        ``inside`` the space of the atlas, and the ``reasons`` why not.
    nearest : polars.DataFrame
        The nearest networks of the atlas to each, and what they scored under its nearest test condition.
    specimens : str
        Kind of specimens.
    level : float
        Share of the scores that intervals are to hold.
    remarks : tuple of str
        What the numbers rest on.
    """

    table: pl.DataFrame
    nearest: pl.DataFrame
    specimens: str
    level: float
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        facts = {"specimens": self.specimens, "level": self.level, "remarks": list(self.remarks)}
        return {**facts, "predictions": self.table.to_dicts(), "nearest": self.nearest.to_dicts()}


@dataclass(frozen=True)
class AtlasDesign:
    """Training distributions of the atlas, the best for some target conditions first.

    Attributes
    ----------
    ranking : polars.DataFrame
        A row a training distribution: its predicted ``regret``, ``worst`` and ``mean`` loss over the targets, and what
        its networks scored ``in_distribution`` (measured).
    predicted : polars.DataFrame
        Predicted scores of the best under each target, with intervals.
    objective : str
        The number that the ranking is by.
    conditions : ImagingConditions
        The best training distribution.
    specimens, remarks
        As for :class:`AtlasForecast`.
    """

    ranking: pl.DataFrame
    predicted: pl.DataFrame
    objective: Objective
    conditions: ImagingConditions
    specimens: str
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        facts = {"objective": self.objective, "specimens": self.specimens, "remarks": list(self.remarks)}
        whole = self.conditions.model_dump(mode="json", exclude_none=True)
        return {
            **facts,
            "conditions": whole,
            "ranking": self.ranking.to_dicts(),
            "predicted": self.predicted.to_dicts(),
        }


def predict_from_atlas(
    trained_on: AnyConditions, tested_on: AnyConditions, *, specimens: str = KIND, folder: Path | str | None = None
) -> AtlasForecast:
    """Predict what a compact network scores that is trained on some conditions, under others; no study is needed.

    Parameters
    ----------
    trained_on, tested_on : path, mapping or ScoringConditions
        Files of conditions in any dialect; a mapping with the keys of one, or from names to ``ImagingConditions``.
    specimens : str
        Kind of specimens in both: CdSe, Ag, Au, Fe3O4, Si or mixed.
    folder : path, optional
        Tables and predictor of an atlas; by default those that come with the package.

    Returns
    -------
    AtlasForecast

    Raises
    ------
    InputError
        With every fault of a file; if images can't be formed so, or the atlas is of another microscope.
    """
    kind = _kind(specimens)
    answers = AtlasAnswers.opened(folder)
    trainings, tests = _given(trained_on, "training", answers), _given(tested_on, "test", answers)
    table = answers.predict(kind, trainings, tests)
    every = [*trainings.items(), *tests.items()]
    remarks = (*_remarks(answers), *told_together(lens_remarks(every)))
    return AtlasForecast(table, answers.nearest(kind, trainings, tests), kind, LEVEL, remarks)


def design_from_atlas(
    targets: AnyConditions,
    *,
    objective: Objective = "regret",
    specimens: str = KIND,
    folder: Path | str | None = None,
) -> AtlasDesign:
    """Search the training distributions of the atlas for those that serve target conditions best.

    Parameters
    ----------
    targets : path, mapping or ScoringConditions
        Conditions to serve.
    objective : {"regret", "worst", "mean"}
        Minimise the largest predicted loss over that of the best distribution for each target, the worst, or the
        geometric mean.
    specimens, folder
        As for :func:`predict_from_atlas`.

    Returns
    -------
    AtlasDesign

    Raises
    ------
    InputError
        As :func:`predict_from_atlas` does.
    """
    kind = _kind(specimens)
    answers = AtlasAnswers.opened(folder)
    tests = _given(targets, "test", answers)
    known = {name: one for name, one in answers.trainings.items() if (kind, name) in answers.portraits}
    if not known:
        raise InputError(
            f"{answers.folder} has no portraits of networks trained on {kind}; docs/atlas_fit.py makes them"
        )
    predicted = answers.predict_known(kind, known, tests, answers.portraits)
    ranking = _ranked(predicted, objective).join(_at_home(answers, kind), on="training_name", how="left")
    best = ranking["training_name"][0]
    own = predicted.filter(pl.col("training_name") == best)
    return AtlasDesign(ranking, own, objective, known[best], kind, _remarks(answers))


def write_atlas_design(chosen: AtlasDesign, targets: AnyConditions, output: Path | str) -> Path:
    """Write the best training distribution and the targets as YAML: the ``conditions`` of a study.

    Raises
    ------
    InputError
        If the targets can't be read.
    TemshiftError
        If the file can't be written.
    """
    output = Path(output)
    named = _read(targets, "test")
    content = {
        "training": [{"name": "design", **_plain(chosen.conditions)}],
        "test": [{"name": name, **_plain(one)} for name, one in named.items()],
    }
    name = chosen.ranking["training_name"][0]
    text = f"# {name!r} of the atlas: the least predicted {chosen.objective} over the conditions below test\n"
    text += write_document(content)
    parse_configuration(text, ScoringConditions, str(output))
    write_text(output, text)
    return output


def _plain(conditions: ImagingConditions) -> dict[str, Any]:
    return conditions.model_dump(mode="json", exclude_none=True)


def _kind(specimens: str) -> str:
    if specimens not in KINDS:
        raise InputError(f"the atlas has no specimens {specimens!r}{allowed_text(specimens, KINDS)}")
    return specimens


def _read(given: AnyConditions, role: Role) -> Mapping[str, ImagingConditions]:
    return read_conditions(given, role).named if isinstance(given, str | Path) else scoring_conditions(given).tests


def _given(given: AnyConditions, role: Role, answers: AtlasAnswers) -> Mapping[str, ImagingConditions]:
    """Read conditions and refuse those of another microscope, or that no image can be formed under."""
    study = answers.space.study
    if isinstance(given, str | Path):
        file = read_conditions(given, role)
        if file.energy is not None and abs(file.energy - study.exit_waves.energy) > 1:
            raise InputError(
                f"{file.path}: energy_kev: given {file.energy / 1e3:g} keV, but the atlas is of "
                f"{study.exit_waves.energy_kev:g} keV; run a study for other energies"
            )
        if file.imaging is not None and file.imaging.camera != study.imaging.camera:
            raise InputError(f"{file.path}: imaging.camera is not the atlas'; say the camera among the conditions")
    named = _read(given, role)
    faults = list(imaging_faults(list(named.items()), study.imaging, study.grid, study.exit_waves.energy))
    if faults:
        raise InputError("\n  ".join(["images can't be formed so:", *faults]))
    return named


def _ranked(predicted: pl.DataFrame, objective: Objective) -> pl.DataFrame:
    """Order training distributions by what they lose over all targets."""
    loss = pl.col("cross_entropy")
    with_regret = predicted.with_columns((loss / loss.min().over("test_name")).alias("regret"))
    numbers = with_regret.group_by("training_name", maintain_order=True).agg(
        pl.col("regret").max(), loss.max().alias("worst"), loss.log().mean().exp().alias("mean")
    )
    return numbers.sort(objective, maintain_order=True)


def _at_home(answers: AtlasAnswers, kind: str) -> pl.DataFrame:
    loss = pl.col("in_distribution_cross_entropy").cast(pl.Float64).log().mean().exp().alias("in_distribution")
    return answers.atlas.networks.filter(pl.col("kind") == kind).group_by("training_name").agg(loss)


def _remarks(answers: AtlasAnswers) -> tuple[str, ...]:
    fitted, there = answers.predictor.extent, answers.atlas.extent
    remarks = [
        f"Fitted to {fitted}.",
        "Compact networks, 300 kV, pixels of 0.4 A, an aperture of 15 mrad, small particles on carbon.",
    ]
    if fitted != there:
        remarks.append(f"The tables here hold {there}: python docs/atlas_fit.py fits to them.")
    if answers.predictor.study != answers.atlas.study:
        remarks.append("The predictor was fitted to tables of another definition of the atlas.")
    return tuple(remarks)
