"""Derived from the scores of networks: metrics, transfer functions and predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from temshift.conditions import ImagingConditions
from temshift.core import TemshiftError, content_hash
from temshift.execution import Work
from temshift.information import ObjectLibrary, ObjectSpectra, Survey, information_of
from temshift.information.prediction.features import logit_of
from temshift.information.prediction.score_prediction import predict
from temshift.optics import Microscope
from temshift.studies.analysis.observer_scores import Passage, Scene, take_observers
from temshift.studies.analysis.specimen_facts import SpecimenFacts, facts_of
from temshift.studies.analysis.transfer_tables import pair_metrics, transfer_curve
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import Part
from temshift.studies.planning.plan import Plan
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
        The fits, their left-out errors and those of the baselines, and their caveats.
    """

    metrics: pl.DataFrame
    transfer: pl.DataFrame
    prediction: dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """Distributions that networks are trained and tested on, the microscope, and the specimens that it images.

    Attributes
    ----------
    trained, tested : mapping of str to ImagingConditions
        By name; ``trained`` is empty if the training of a network is not known.
    groups : mapping of str to str
        Group of each name in ``trained``: trainings that differ in swept settings alone are left out of a fit together.
    survey : Survey
        Optics and draws, the same for all conditions.
    objects : ObjectSpectra
        Mean spectra of the specimens.
    tested_objects : mapping of str to ObjectSpectra
        Those of tests that show other specimens, by the names of the tests.
    specimens : SpecimenFacts or None
        The set of specimens that networks are trained on; None if the study has no sets.
    tested_specimens : mapping of str to SpecimenFacts
        The sets that tests show, by the names of the tests.
    """

    trained: Mapping[str, ImagingConditions]
    tested: Mapping[str, ImagingConditions]
    groups: Mapping[str, str]
    survey: Survey
    objects: ObjectSpectra
    tested_objects: Mapping[str, ObjectSpectra] = field(default_factory=dict)
    specimens: SpecimenFacts | None = None
    tested_specimens: Mapping[str, SpecimenFacts] = field(default_factory=dict)

    def objects_of(self, test: str) -> ObjectSpectra:
        """Return the spectra of the specimens that a test shows."""
        return self.tested_objects.get(test, self.objects)

    def sets_of(self, test: str) -> dict[str, str | float | None]:
        """Return columns with the facts of the sets of specimens of a pair; none if the study has no sets."""
        if self.specimens is None:
            return {}
        return self.specimens.columns("training") | self.tested_specimens[test].columns("test")


def analyse(scenarios: Sequence[Scenario], scores: pl.DataFrame, *more: pl.DataFrame | None) -> Analysis:
    """Derive tables and prediction from the scores of networks, those of a study or a single one.

    Parameters
    ----------
    scenarios : sequence of Scenario
        At least one, such as those of the parts of a plan: see `scenarios_of`.
    scores : polars.DataFrame
        One row a ``training_name`` x ``test_name``, see `scores_over_seeds`.
    *more : polars.DataFrame or None
        Further columns for the same pairs, such as scores of observers (`observe_plan`) and features of micrographs
        (:func:`temshift.studies.analysis.image_features.measure_image_features`).

    Returns
    -------
    Analysis
    """
    metrics, prediction = predict(scored_cells(scenarios, scores, *more))
    return Analysis(metrics, _transfer(scenarios), prediction)


def scored_cells(scenarios: Sequence[Scenario], scores: pl.DataFrame, *more: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row a training x test distribution: metrics of the pair, and its scores.

    Parameters
    ----------
    scenarios, scores, *more
        As for :func:`analyse`.

    Returns
    -------
    polars.DataFrame
        Input of :func:`temshift.information.prediction.score_prediction.predict`.
    """
    cells = pl.concat([pairs_of(scenario) for scenario in scenarios])
    for table in (scores, *more):
        if table is not None:
            fresh = [name for name in table.columns if name in _PAIR or name not in cells.columns]
            cells = cells.join(table.select(fresh), on=_PAIR, how="left", maintain_order="left", nulls_equal=True)
    return cells


def scenarios_of(plan: Plan, libraries: Libraries) -> list[Scenario]:
    """Return the scenarios of the parts of a plan; ``libraries`` are by the ``metrics_id`` of its parts."""
    return [_scenario(part, shown_libraries(part, libraries)) for part in plan.parts]


def shown_libraries(part: Part, libraries: Libraries) -> dict[str, ObjectLibrary]:
    """Return the libraries of the sets of specimens of a part by name, all with the rings of its own."""
    rings = libraries[part.metrics_id].q
    shown = {part.specimens: part} | {test.specimens: part.kin[test.specimens] for test in part.tests}
    return {name: libraries[one.metrics_id].resampled(rings) for name, one in shown.items()}


def _scenario(part: Part, shown: Libraries) -> Scenario:
    tested = {test.name: shown[test.specimens].mean for test in part.tests if test.specimens != part.specimens}
    scenario = replace(scenario_of(part, shown[part.specimens].mean), tested_objects=tested)
    if not part.specimens:
        return scenario
    facts = {name: facts_of(name, part.kin[name].study.specimens, library) for name, library in shown.items()}
    named = {test.name: facts[test.specimens] for test in part.tests}
    return replace(scenario, specimens=facts[part.specimens], tested_specimens=named)


def scenario_of(part: Part, objects: ObjectSpectra, tests: Mapping[str, ImagingConditions] | None = None) -> Scenario:
    """Return the scenario of a part of a plan; tests are its own unless others are given."""
    named = {test.name: test.conditions for test in part.tests} if tests is None else tests
    return Scenario(part.trainings, named, part.distributions, survey_of(part.study), objects)


def pairs_of(scenario: Scenario) -> pl.DataFrame:
    """Return metrics of every training x test distribution; of the tests alone if no training is known."""
    survey = scenario.survey
    trained = {name: information_of(survey, one, scenario.objects) for name, one in scenario.trained.items()}
    tested = {name: information_of(survey, one, scenario.objects_of(name)) for name, one in scenario.tested.items()}
    rows: list[dict[str, Any]] = [
        {
            "training_name": training,
            "training_group": scenario.groups[training],
            "test_name": test,
            **pair_metrics(trained[training], tested[test], scenario.objects.q),
            **scenario.sets_of(test),
        }
        for training in trained
        for test in tested
    ]
    if not trained:
        rows = [
            {"test_name": test, "epsilon_test": known.epsilon, "epsilon_test_error": known.epsilon_error}
            for test, known in tested.items()
        ]
    names = [pl.lit(None, pl.String).alias(name) for name in ("training_name", "training_group") if not trained]
    return pl.DataFrame(rows).with_columns(names)


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
        The folder that keeps results.
    work : Work
        Who computes; it is warned if observers can't be computed.
    libraries : mapping of str to ObjectLibrary
        By the ``metrics_id`` of the plan's parts.

    Returns
    -------
    polars.DataFrame or None
        ``training_name``, ``test_name`` and the numbers of :data:`temshift.vocabulary.columns.OBSERVED`; None
        if the study asks for no observers, or they can't be computed.
    """
    if not plan.study.information.observers:
        return None
    try:
        shown = [(part, shown_libraries(part, libraries)) for part in plan.parts]
        tables = [table for part, some in shown for table in _observed(part, folder, work, some)]
        return pl.concat(tables, how="diagonal")
    except TemshiftError as error:
        work.progress.warning(f"no observers: {error}")
        return None


def _observed(part: Part, folder: StudyFolder, work: Work, shown: Libraries) -> Iterator[pl.DataFrame]:
    """Observers of a part on the specimens of each set."""
    for name, library in shown.items():
        tests = {test.name: test.conditions for test in part.tests if test.specimens == name}
        seen = None if name == part.specimens else library
        yield observe_part(part, folder, work, shown[part.specimens], tests, seen)


def observe_part(
    part: Part,
    folder: StudyFolder,
    work: Work,
    library: ObjectLibrary,
    tests: Mapping[str, ImagingConditions] | None = None,
    shown: ObjectLibrary | None = None,
) -> pl.DataFrame:
    """Take observers from the training distributions of a part to its test conditions, or to others by name.

    ``library`` is that of the specimens that they are trained on; those that tests show may be ``shown`` instead.
    """
    named = {test.name: test.conditions for test in part.tests} if tests is None else tests
    ids = {name: content_hash(one) for name, one in named.items()}
    by_id = {ids[name]: one for name, one in named.items()}
    scored = take_observers(folder, work, passages_of(part, library, by_id, shown))
    columns = {"test_name": pl.String, "conditions_id": pl.String}  # also of no test: none may show a mixture
    names = pl.DataFrame([list(ids), list(ids.values())], schema=columns)
    tables = [
        names.join(table, on="conditions_id", maintain_order="left").select(
            pl.lit(training).alias("training_name"), pl.exclude("conditions_id")
        )
        for training, table in zip(part.trainings, scored, strict=True)
    ]
    return pl.concat(tables, how="diagonal")


def passages_of(
    part: Part,
    library: ObjectLibrary,
    tests: Mapping[str, ImagingConditions],
    shown: ObjectLibrary | None = None,
) -> list[Passage]:
    """Return the tasks of observers: from each training distribution of a part to tests by their hashes.

    In a study with sets of specimens the ideal observer goes, too.
    """
    scene, seen = (None if one is None else Scene.of(one, survey_of(part.study)) for one in (library, shown))
    assert scene is not None
    ideal = bool(part.specimens)
    return [Passage(scene, conditions, tests, seen, ideal) for conditions in part.trainings.values()]


def survey_of(study: Study) -> Survey:
    """Return the microscope, the band and the draws that distributions of a study are compared with."""
    microscope = Microscope(study.exit_waves.energy, study.imaging, study.grid.nyquist)
    return Survey(microscope, study.widest_semiangle, study.information.draws, study.seed)


def _transfer(scenarios: Sequence[Scenario]) -> pl.DataFrame:
    """Curves of every distribution that has a name; one name stands for the first distribution that has it."""
    curves: dict[tuple[str, str], pl.DataFrame] = {}
    for scenario in scenarios:
        for role, named in (("training", scenario.trained), ("test", scenario.tested)):
            for name, conditions in named.items():
                if (role, name) not in curves:
                    objects = scenario.objects_of(name) if role == "test" else scenario.objects
                    curves[role, name] = transfer_curve(role, name, conditions, scenario.survey, objects)
    return pl.concat(curves.values())
