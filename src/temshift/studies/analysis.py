"""What a study says once its networks are scored: results, metrics, transfer functions and a first prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from temshift.information.microscope import Microscope
from temshift.information.spectra import ObjectSpectra
from temshift.studies.plan import Part, Plan
from temshift.studies.prediction import predict
from temshift.studies.study import Study
from temshift.studies.transfer_tables import information_of, pair_metrics, transfer_curve


@dataclass(frozen=True)
class Analysis:
    """Everything that is derived from scores and object spectra.

    Attributes
    ----------
    metrics, transfer : polars.DataFrame
        Tables of :mod:`temshift.core.tables`.
    prediction : dict
        The fit, its left-out errors and those of the baselines, and what they can't tell.
    """

    metrics: pl.DataFrame
    transfer: pl.DataFrame
    prediction: dict[str, Any]


def analyse(plan: Plan, results: pl.DataFrame, objects: Mapping[str, ObjectSpectra]) -> Analysis:
    """Derive tables and prediction from the results of the networks of a plan, all of them or some.

    Parameters
    ----------
    plan : Plan
        The study's plan.
    results : polars.DataFrame
        Rows of :data:`temshift.core.tables.RESULTS`, of the plan alone.
    objects : mapping of str to ObjectSpectra
        Spectra of the study's specimens, by the ``metrics_id`` of its parts.

    Returns
    -------
    Analysis
    """
    cells = pl.concat([_cells(part, results, objects[part.metrics_id]) for part in plan.parts])
    metrics, prediction = predict(cells)
    return Analysis(metrics, _transfer(plan, objects), prediction)


def _cells(part: Part, results: pl.DataFrame, objects: ObjectSpectra) -> pl.DataFrame:
    """One row a training x test distribution: scores over seeds and metrics of the pair.

    Trainings that differ in swept settings alone are of one group, to be left out of a fit together.
    """
    microscope, tests = _microscope(part.study), {test.name: test.conditions for test in part.tests}
    trained, tested = (
        {name: information_of(microscope, conditions, objects) for name, conditions in named.items()}
        for named in (part.trainings, tests)
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
    losses = results.group_by("training_name", "test_name").agg(
        pl.col("cross_entropy").log().mean().alias("ln_cross_entropy"),
        pl.col("cross_entropy").log().std().alias("ln_cross_entropy_sd"),
        (pl.col("test_defocus_nm") - pl.col("training_defocus_nm")).first().alias("defocus_difference_nm"),
    )
    return pl.DataFrame(rows).join(losses, on=["training_name", "test_name"], how="left", maintain_order="left")


def _microscope(study: Study) -> Microscope:
    energy, draws = study.exit_waves.energy, study.information.draws
    return Microscope(energy, study.imaging, study.grid.nyquist, study.widest_semiangle, draws, study.seed)


def _transfer(plan: Plan, objects: Mapping[str, ObjectSpectra]) -> pl.DataFrame:
    """Curves of every distribution that has a name; one name stands for the first distribution that has it."""
    found: dict[tuple[str, str], pl.DataFrame] = {}
    for part in plan.parts:
        microscope = _microscope(part.study)
        tests = {test.name: test.conditions for test in part.tests}
        for role, named in (("training", part.trainings), ("test", tests)):
            for name, conditions in named.items():
                if (role, name) not in found:
                    found[role, name] = transfer_curve(role, name, conditions, microscope, objects[part.metrics_id])
    return pl.concat(found.values())
