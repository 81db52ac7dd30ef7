"""What a study says once its networks are scored: results, metrics, transfer functions and predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from temshift.conditions.imaging import ImagingConditions
from temshift.core.errors import TemshiftError
from temshift.core.hashes import content_hash
from temshift.execution.stages import Work
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.prediction.score_prediction import logit_of, predict
from temshift.information.transfer.metrics import information_of
from temshift.information.transfer.survey import Survey
from temshift.optics.microscope import Microscope
from temshift.studies.analysis.observer_scores import Passage, Scene, take_observers
from temshift.studies.analysis.transfer_tables import pair_metrics, transfer_curve
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.plan import Part, Plan
from temshift.studies.planning.study import Study

Libraries = Mapping[str, ObjectLibrary]
_PAIR = ["training_name", "test_name"]


@dataclass(frozen=True)
class Analysis:
    """Everything that is derived from scores and object spectra.

    Attributes
    ----------
    metrics, transfer : polars.DataFrame
        Tables of :mod:`temshift.vocabulary.columns`.
    prediction : dict
        The fits, their left-out errors and those of the baselines, and what they can't tell.
    """

    metrics: pl.DataFrame
    transfer: pl.DataFrame
    prediction: dict[str, Any]


def analyse(
    plan: Plan,
    results: pl.DataFrame,
    libraries: Libraries,
    observed: pl.DataFrame | None = None,
    images: pl.DataFrame | None = None,
) -> Analysis:
    """Derive tables and prediction from the results of the networks of a plan, all of them or some.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    results : polars.DataFrame
        Rows of :data:`temshift.vocabulary.columns.RESULTS`, of the plan alone.
    libraries : mapping of str to ObjectLibrary
        Particles of the study's specimens, by the ``metrics_id`` of its parts.
    observed : polars.DataFrame, optional
        What observers score, see `observe_plan`.
    images : polars.DataFrame, optional
        What micrographs tell, see :func:`temshift.studies.analysis.image_features.measure_image_features`.

    Returns
    -------
    Analysis
    """
    objects = {id_: library.mean for id_, library in libraries.items()}
    metrics, prediction = predict(scored_cells(plan, results, libraries, observed, images))
    return Analysis(metrics, _transfer(plan, objects), prediction)


def scored_cells(
    plan: Plan,
    results: pl.DataFrame,
    libraries: Libraries,
    observed: pl.DataFrame | None = None,
    images: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return one row a training x test distribution: metrics of the pair, and scores over seeds.

    Parameters
    ----------
    plan, results, libraries, observed, images
        As for :func:`analyse`.

    Returns
    -------
    polars.DataFrame
        What :func:`temshift.information.prediction.score_prediction.predict` takes. Trainings that
        differ in swept settings alone are of one
        ``training_group``, to be left out of a fit together.
    """
    pairs = pl.concat([pairs_of(part, libraries[part.metrics_id].mean) for part in plan.parts])
    cells = pairs.join(scores_over_seeds(results), on=_PAIR, how="left", maintain_order="left")
    for more in (observed, images):
        if more is not None:
            fresh = [name for name in more.columns if name in _PAIR or name not in cells.columns]
            cells = cells.join(more.select(fresh), on=_PAIR, how="left", maintain_order="left")
    return cells


def pairs_of(part: Part, objects: ObjectSpectra, tests: Mapping[str, ImagingConditions] | None = None) -> pl.DataFrame:
    """Return metrics of every training x test distribution of a part; tests are its own unless others are given."""
    survey = survey_of(part.study)
    named = {test.name: test.conditions for test in part.tests} if tests is None else tests
    trained, tested = (
        {name: information_of(survey, conditions, objects) for name, conditions in some.items()}
        for some in (part.trainings, named)
    )
    distributions = [name for name, _ in part.study.conditions.resolved("training")]
    group_of = dict(zip(part.trainings, distributions, strict=True))
    rows = [
        {
            "training_name": training,
            "training_group": group_of[training],
            "test_name": test,
            **pair_metrics(trained[training], tested[test], objects.q),
        }
        for training in trained
        for test in tested
    ]
    return pl.DataFrame(rows)


def scores_over_seeds(results: pl.DataFrame) -> pl.DataFrame:
    """Return mean and spread over seeds of rows of results, one row a ``training_name`` x ``test_name``."""
    loss, f1 = pl.col("cross_entropy").fill_nan(None).log(), pl.col("f1").fill_nan(None)
    return results.group_by(_PAIR).agg(
        loss.mean().alias("ln_cross_entropy"),
        loss.std().alias("ln_cross_entropy_sd"),
        f1.mean().alias("f1"),
        logit_of(f1).mean().alias("logit_f1"),
        logit_of(f1).std().alias("logit_f1_sd"),
        loss.count().alias("networks"),
        (pl.col("test_defocus_nm") - pl.col("training_defocus_nm")).first().alias("defocus_difference_nm"),
    )


def observe_plan(plan: Plan, folder: StudyFolder, work: Work, libraries: Libraries) -> pl.DataFrame | None:
    """Take observers from all training to all test distributions of a plan; see `take_observers`.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    folder : StudyFolder
        Where results are kept.
    work : Work
        Who computes; it is warned where observers can't be computed.
    libraries : mapping of str to ObjectLibrary
        By the ``metrics_id`` of the plan's parts.

    Returns
    -------
    polars.DataFrame or None
        ``training_name``, ``test_name`` and the numbers of :data:`temshift.vocabulary.columns.OBSERVED`; None
        where the study
        asks for no observers, or they can't be computed.
    """
    if not plan.study.information.observers:
        return None
    try:
        return pl.concat([observe_part(part, folder, work, libraries[part.metrics_id]) for part in plan.parts])
    except TemshiftError as error:
        work.progress.warning(f"no observers: {error}")
        return None


def observe_part(
    part: Part,
    folder: StudyFolder,
    work: Work,
    library: ObjectLibrary,
    tests: Mapping[str, ImagingConditions] | None = None,
) -> pl.DataFrame:
    """Take observers from the training distributions of a part to its test conditions, or to others by name."""
    named = {test.name: test.conditions for test in part.tests} if tests is None else tests
    ids = {name: content_hash(one) for name, one in named.items()}
    by_id = {ids[name]: one for name, one in named.items()}
    found = take_observers(folder, work, passages_of(part, library, by_id))
    names = pl.DataFrame({"test_name": list(ids), "conditions_id": list(ids.values())})
    tables = [
        names.join(one, on="conditions_id", maintain_order="left").select(
            pl.lit(training).alias("training_name"), pl.exclude("conditions_id")
        )
        for training, one in zip(part.trainings, found, strict=True)
    ]
    return pl.concat(tables)


def passages_of(part: Part, library: ObjectLibrary, tests: Mapping[str, ImagingConditions]) -> list[Passage]:
    """Return what observers are asked to do: from each training distribution of a part to tests by their hashes."""
    scene = Scene.of(library, survey_of(part.study))
    return [Passage(scene, one, tests) for one in part.trainings.values()]


def survey_of(study: Study) -> Survey:
    """Return the microscope, the band and the draws that distributions of a study are compared with."""
    microscope = Microscope(study.exit_waves.energy, study.imaging, study.grid.nyquist)
    return Survey(microscope, study.widest_semiangle, study.information.draws, study.seed)


def _transfer(plan: Plan, objects: Mapping[str, ObjectSpectra]) -> pl.DataFrame:
    """Curves of every distribution that has a name; one name stands for the first distribution that has it."""
    found: dict[tuple[str, str], pl.DataFrame] = {}
    for part in plan.parts:
        survey = survey_of(part.study)
        tests = {test.name: test.conditions for test in part.tests}
        for role, named in (("training", part.trainings), ("test", tests)):
            for name, conditions in named.items():
                if (role, name) not in found:
                    found[role, name] = transfer_curve(role, name, conditions, survey, objects[part.metrics_id])
    return pl.concat(found.values())
