"""Scores of the networks of a finished study under new conditions, foretold with intervals and warnings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from temshift.conditions import ImagingConditions, Setting, nuisance_remarks, summary, told_together
from temshift.core import InputError, content_hash, largest_semiangle
from temshift.execution import Progress, SilentProgress, Work, make_executor
from temshift.information import (
    CONDITIONS,
    DISAGREEMENT,
    DISTANCE,
    EPSILON,
    F1,
    F1_ON_UNSEEN,
    LEVEL,
    LOSS,
    LOSS_ON_UNSEEN,
    MARGIN,
    OBSERVER,
    SETS,
    ObjectLibrary,
    Reach,
    ScorePredictor,
    least_groups,
    read_library,
    with_features,
)
from temshift.optics import imaging_faults
from temshift.scoring import AnyConditions, ScoringConditions
from temshift.storage import read_table, record_state
from temshift.studies import (
    Part,
    Plan,
    Study,
    StudyFolder,
    asked_pairs,
    gather,
    has_observers,
    lacking_words,
    observe_part,
    pairs_of,
    passages_of,
    require_study,
    scenario_of,
    scores_over_seeds,
    shown_libraries,
    stored_study,
    study_remark,
)
from temshift.workflows.condition_files import ConditionSource, given_scoring
from temshift.workflows.new_specimens.unseen_set import UnseenSet, sentence_of

LEAST_CONDITIONS = 4  # test conditions with scores that a prediction is made from
ROUNDING = 1e-9  # of numbers in files' units
_PAIR = ["training_name", "test_name"]
_REACHING = (OBSERVER, DISAGREEMENT, EPSILON, DISTANCE)  # features that a new pair is judged inside or outside by


@dataclass(frozen=True)
class Forecast:
    """Predicted scores under new conditions.

    Attributes
    ----------
    table : polars.DataFrame
        One row a training x new test condition: ``training_name``, ``test_name``; ``cross_entropy`` and ``f1``, means
        over seeds (the former geometric), with the ends ``_lower`` and ``_upper`` of their intervals; ``inside``,
        whether it is inside the study's reach, and ``reasons`` why not; ``known_as``, the study's own test
        condition that is the same; and the features. Unknown numbers are null.
    formulas : dict of str to str
        The lines that predict, by score.
    level : float
        Share of the networks' scores under new conditions that intervals are to hold.
    remarks : tuple of str
        Limits of the numbers.
    verdict : str, optional
        Which networks are predicted best and worst on new specimens, where these are asked about, as a sentence.
    """

    table: pl.DataFrame
    formulas: dict[str, str]
    level: float
    remarks: tuple[str, ...]
    verdict: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        said = {} if self.verdict is None else {"verdict": self.verdict}
        facts = {**said, "formulas": self.formulas, "level": self.level, "remarks": list(self.remarks)}
        return {**facts, "predictions": self.table.to_dicts()}


@dataclass(frozen=True)
class _Known:
    """A study that is read: its plan, its libraries by ``metrics_id``, and its scored cells, remarks on its files."""

    folder: StudyFolder
    plan: Plan
    libraries: Mapping[str, ObjectLibrary]
    cells: pl.DataFrame
    remarks: tuple[str, ...]


def predict_scores(
    folder: Path | str,
    conditions: AnyConditions | None = None,
    *,
    specimens: str | Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Forecast:
    """Predict scores of the networks of a finished study under new conditions, on specimens like the study's or others.

    Observers of every training distribution are taken to the new conditions, and their results are kept in the
    study's folder; the fit and the intervals are those of the study, see docs/prediction.md.

    Parameters
    ----------
    folder : path
        A study folder that ``temshift run`` has finished.
    conditions : path, mapping or ScoringConditions, optional
        New conditions: a file in any dialect of :mod:`temshift.workflows.condition_files`, or what ``temshift score``
        reads under ``test``. If specimens are given, the study's own test conditions by default.
    specimens : path or str, optional
        New specimens: a recipe, a database or the name of a crystal. The study needs ``specimen_sets``; observers go
        from each of its sets to the new one, and intervals have the set as their unit.
    workers : int
        Processes; 0 works in this one.
    progress : Progress, optional
        Reports every stage; silent by default.

    Returns
    -------
    Forecast

    Raises
    ------
    InputError
        If the folder is no finished study, its scores or sets are too few, or images can't be formed under a condition.
    TemshiftError
        If observers can't be computed.
    """
    if conditions is None and specimens is None:
        raise InputError("nothing new is given; give conditions (--test), specimens (--specimens), or both")
    given = None if conditions is None else given_scoring(conditions)
    known = _known(Path(folder))
    unseen = None if specimens is None else UnseenSet.of(specimens, known.plan)
    tests = _tests(given, known, unseen)
    unit = CONDITIONS if unseen is None else SETS
    loss = ScorePredictor(known.cells, LOSS if unseen is None else LOSS_ON_UNSEEN, unit)
    _require_line(loss)
    asked = _Asked(tests, unseen, observe=OBSERVER in loss.base)
    new = _new_pairs(known, asked, workers, progress or SilentProgress())
    columns, formulas = _predicted(loss, new, "cross_entropy"), {"cross_entropy": loss.fit.model.formula(LOSS.text)}
    if known.cells["logit_f1"].is_not_null().any():
        f1 = ScorePredictor(known.cells, F1 if unseen is None else F1_ON_UNSEEN, unit)
        columns += _predicted(f1, new, "f1")
        formulas["f1"] = f1.fit.model.formula(F1.text)
    else:
        columns += [pl.Series(name, [None] * len(new), pl.Float64) for name in ("f1", "f1_lower", "f1_upper")]
    table = _in_order(new.with_columns(columns).with_columns(_judged(loss, new, asked, known.plan)))
    marks = told_together(nuisance_remarks([*tests.items()]))
    verdict = None if unseen is None else sentence_of(table, unseen.name)
    return Forecast(table, formulas, LEVEL, (*_remarks(loss), *marks, *known.remarks), verdict)


@dataclass(frozen=True)
class _Asked:
    """New conditions by name, new specimens, and whether observers are to go there."""

    tests: Mapping[str, ImagingConditions]
    unseen: UnseenSet | None
    observe: bool


def _tests(
    given: tuple[ScoringConditions, ConditionSource | None] | None, known: _Known, unseen: UnseenSet | None
) -> Mapping[str, ImagingConditions]:
    """The conditions that are asked about, by name; images can be formed under them."""
    asked = None
    if given is not None:
        asked, opened = given
        _require_possible(asked, known.plan)
        if opened is not None:
            opened.require_energy(known.plan.study.exit_waves.energy)
            opened.require_focus(known.plan.study.exit_waves.focus)
        if unseen is None:
            return asked.tests
    assert unseen is not None
    return unseen.tests(known.plan, asked)


def _require_line(loss: ScorePredictor) -> None:
    """Refuse to predict new specimens from fewer sets than a line needs."""
    if loss.unit is SETS and loss.why_not is not None:
        raise InputError(f"{loss.why_not}; add sets to the study's specimen_sets")


def _known(root: Path) -> _Known:
    folder = require_study(root)
    plan = Plan(stored_study(folder))
    results = gather(folder, plan).filter("in_study")
    if results.is_empty():
        raise InputError(f"{root}: no network has scores yet; temshift run finishes the study, see temshift status")
    scores = scores_over_seeds(results)
    conditions = scores.filter(pl.col("ln_cross_entropy").is_finite())["test_name"].n_unique()
    if conditions < LEAST_CONDITIONS:
        raise InputError(
            f"{root} has scores under {conditions} test condition{'s' if conditions != 1 else ''}; a prediction that "
            f"can be checked on conditions left out needs {LEAST_CONDITIONS} at least: add some to the study"
        )
    metrics = read_table(_finished(folder, folder.table("metrics")))
    columns = [name for name in metrics.columns if name in _PAIR or name not in scores.columns]
    groups = _groups(plan)
    cells = metrics.select(columns).join(groups, on="training_name").join(scores, on=_PAIR, how="left")
    libraries = {part.metrics_id: _library(folder, part.metrics_id) for part in plan.parts}
    lacking = lacking_words(asked_pairs(plan), results)
    words = None if lacking is None else f"{lacking} of the study: the others predict."
    return _Known(folder, plan, libraries, cells, tuple(filter(None, (study_remark(folder), words))))


def _groups(plan: Plan) -> pl.DataFrame:
    """Training distributions by the names of the trainings, which swept settings add to."""
    pairs = [pair for part in plan.parts for pair in part.distributions.items()]
    return pl.DataFrame(pairs, schema=["training_name", "training_group"], orient="row").unique(maintain_order=True)


def _finished(folder: StudyFolder, path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{folder.root} lacks {path.name}; finish the study with temshift run")
    return path


def _library(folder: StudyFolder, metrics_id: str) -> ObjectLibrary:
    record = folder.spectra_record(metrics_id)
    if record_state(record).state != "complete":
        raise InputError(
            f"{folder.root} lacks the object library of its specimens, or it is damaged; temshift run makes it again"
        )
    return read_library(record)


def _require_possible(conditions: ScoringConditions, plan: Plan) -> None:
    study, imaging = plan.study, conditions.imaging
    if "imaging" in conditions.model_fields_set and any(part.study.imaging != imaging for part in plan.parts):
        raise InputError("imaging differs from the study's, which its networks are bound to; leave it out")
    faults = list(imaging_faults(list(conditions.tests.items()), study.imaging, study.grid, study.exit_waves.energy))
    if faults:
        raise InputError("\n  ".join(["images can't be formed so:", *faults]))


def _new_pairs(known: _Known, asked: _Asked, workers: int, progress: Progress) -> pl.DataFrame:
    """Metrics and, if asked for, observers of every training x new test condition."""
    tables = []
    with make_executor(workers) as executor:
        work = Work(executor, "cpu", progress, workers)
        for part in known.plan.parts:
            library = known.libraries[part.metrics_id]
            shown = None if asked.unseen is None else asked.unseen.library(part, library, progress)
            elsewhere = {} if shown is None else dict.fromkeys(asked.tests, shown.mean)
            pairs = pairs_of(replace(scenario_of(part, library.mean, asked.tests), tested_objects=elsewhere))
            if asked.observe:
                _require_observers(known, part)
                observed = observe_part(part, known.folder, work, library, asked.tests, shown)
                pairs = pairs.join(observed, on=_PAIR, how="left", maintain_order="left")
            tables.append(pairs)
    return pl.concat(tables)


def _require_observers(known: _Known, part: Part) -> None:
    """Refuse to take observers of now to a fit that was made with others."""
    shown, first = shown_libraries(part, known.libraries), part.tests[0].specimens
    elsewhere = None if first == part.specimens else shown[first]
    passages = passages_of(part, shown[part.specimens], {}, elsewhere)
    if not all(has_observers(known.folder, one) for one in passages):
        raise InputError(
            f"{known.folder.root} lacks the scores of the observers of its trainings, or an earlier version of "
            "temshift made it; temshift run makes it again"
        )


def _predicted(predictor: ScorePredictor, new: pl.DataFrame, name: str) -> list[pl.Series]:
    """Prediction and both ends, on the scale of the score; null if there is none."""
    features = predictor.features_of(new)
    centre = np.broadcast_to(predictor.fit.model.predict(features), len(new))
    ends = predictor.fit.interval(features, len(new)) or (np.full(len(new), np.nan),) * 2
    columns = dict(zip((name, f"{name}_lower", f"{name}_upper"), (centre, *ends), strict=True))
    finite = {key: np.where(np.isfinite(values), values, np.nan) for key, values in columns.items()}
    return [pl.Series(key, predictor.target.score(values)).fill_nan(None) for key, values in finite.items()]


def _judged(loss: ScorePredictor, new: pl.DataFrame, asked: _Asked, plan: Plan) -> list[pl.Series]:
    """Whether each pair is inside the study's reach, why not, and the study's name of its condition."""
    scored, fresh = loss.table.filter(loss.used), with_features(new)
    names = [name for name in _REACHING if name in loss.cells.features and name in fresh.columns]
    reach = Reach({name: scored[name].to_numpy() for name in names}, loss.cells.groups["test"], [DISAGREEMENT])
    reasons = reach.reasons({name: fresh[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names})
    unseen = {name: [*_too_wide(one, plan.study), *_untried(one, plan.study)] for name, one in asked.tests.items()}
    reasons = [[*unseen[test], *some] for test, some in zip(new["test_name"], reasons, strict=True)]
    same = _same_conditions(asked.tests, plan) if asked.unseen is None else {}
    return [
        pl.Series("inside", [not some for some in reasons]),
        pl.Series("reasons", reasons, dtype=pl.List(pl.String)),
        pl.Series("known_as", [same.get(test) for test in new["test_name"]], dtype=pl.String),
    ]


def _too_wide(conditions: ImagingConditions, study: Study) -> list[str]:
    """Report an aperture that reaches beyond the band that the study's specimens were measured in."""
    angle = min(conditions.widest_semiangle, largest_semiangle(study.grid.nyquist, study.exit_waves.energy))
    if angle <= study.widest_semiangle * (1 + 1e-9):
        return []
    widest = f"{1e3 * study.widest_semiangle:.2f} mrad"
    return [f"its aperture, {1e3 * angle:.2f} mrad, is wider than the study's, {widest}"]


def _untried(conditions: ImagingConditions, study: Study) -> list[str]:
    """Report parameters that lie beyond those of all test conditions of the study: no interval was tested there.

    Each counts as its centre, more and less its standard deviation; azimuths and the aperture do not count.
    """
    known = [summary(tested) for _, tested in study.conditions.resolved("test")]
    reasons = []
    for key, setting in summary(conditions).items():
        if key.endswith("_deg") or key == "semiangle_cutoff_mrad":
            continue
        ends = np.array([_ends(some[key]) for some in known])
        low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        margin = MARGIN * (high - low) if np.isfinite(high - low) else 0.0
        if not low - margin - ROUNDING <= _ends(setting)[0] <= _ends(setting)[1] <= high + margin + ROUNDING:
            reach = " to ".join(dict.fromkeys(map(_number, (low, high))))
            spread = f" +- {setting.sd:g}" if setting.sd else ""
            value = _number(np.inf if setting.center is None else setting.center) + spread
            reasons.append(f"{key} {value} lies beyond that of the study's test conditions, {reach}")
    return reasons


def _ends(setting: Setting) -> tuple[float, float]:
    """Centre less and more one standard deviation; infinity if nothing limits or blurs."""
    center = np.inf if setting.center is None else setting.center
    return center - setting.sd, center + setting.sd


def _number(value: float) -> str:
    return f"{value:g}" if np.isfinite(value) else "without limit"


def _same_conditions(tests: Mapping[str, ImagingConditions], plan: Plan) -> dict[str, str]:
    known = {test.conditions_id: test.name for part in plan.parts for test in part.tests}
    return {name: known[content_hash(one)] for name, one in tests.items() if content_hash(one) in known}


def _in_order(table: pl.DataFrame) -> pl.DataFrame:
    scores = [f"{score}{end}" for score in ("cross_entropy", "f1") for end in ("", "_lower", "_upper")]
    first = [*_PAIR, *scores, "inside", "reasons", "known_as"]
    rest = [name for name in table.columns if name not in (*first, "training_group")]
    return table.select([*first, *rest])


def _remarks(loss: ScorePredictor) -> tuple[str, ...]:
    kept = "Mask, networks" if loss.unit is SETS else "Specimens, mask, networks"
    remarks = [f"{kept} and camera are taken to be like the study's."]
    if OBSERVER not in loss.base:
        base = " and ".join(loss.base) or "the mean alone"
        remarks.append(f"The study holds no observers: {base} predict, which is worth far less.")
    scored = loss.fit.groups("test")
    if scored < least_groups():
        under = "on {} sets of specimens" if loss.unit is SETS else "under {} test conditions"
        remarks.append(f"The study has scores {under.format(scored)}: too few for an interval.")
    return tuple(remarks)
