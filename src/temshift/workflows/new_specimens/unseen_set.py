"""A set of specimens that a study does not have: opened, measured as the study's own are, and put into a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from temshift.conditions import ImagingConditions
from temshift.core import InputError
from temshift.execution import Progress
from temshift.information import ObjectLibrary
from temshift.scoring import ScoringConditions
from temshift.studies import Part, Plan
from temshift.workflows.condition_files import agreed
from temshift.workflows.specimen_libraries import Measurement, OpenedSpecimens, open_specimens

REACH = 0.98  # share of a study's band that a library has to reach


@dataclass(frozen=True)
class UnseenSet:
    """Specimens that a study's networks are asked about.

    Attributes
    ----------
    name : str
        What they are called.
    opened : OpenedSpecimens
        Their file or folder.
    """

    name: str
    opened: OpenedSpecimens

    @classmethod
    def of(cls, specimens: str | Path, plan: Plan) -> "UnseenSet":
        """Open specimens for a study, which has to have several sets itself.

        Raises
        ------
        InputError
            If the study has no sets of specimens, or the specimens can't be opened or belong to another energy.
        """
        study = plan.study
        if study.specimen_sets is None:
            raise InputError(
                f"{study.name} has one kind of specimens: nothing in it says how networks do on others; a study with "
                "specimen_sets does, see docs/specimen-sets.md, and temshift compare --train-specimens X "
                "--test-specimens Y predicts without a study"
            )
        opened = open_specimens(specimens)
        if opened.exit_waves is not None:
            agreed("the electron energy", [study.exit_waves.energy, opened.exit_waves.energy])
            agreed("the plane that defocus counts from", [study.exit_waves.focus, opened.exit_waves.focus])
        return cls(Path(specimens).stem if Path(specimens).suffix else str(specimens), opened)

    def library(self, part: Part, own: ObjectLibrary, progress: Progress) -> ObjectLibrary:
        """Measure them up to the end of a part's band, and bring them to the rings of its own library.

        Raises
        ------
        InputError
            If they can't be measured as far.
        """
        waves, end = part.study.exit_waves, float(own.q[-1])
        asked = Measurement(waves.energy, highest=min(end, 1.0), progress=progress, focus=waves.focus)
        library = self.opened.library(asked)
        if library.q[-1] < REACH * end:
            raise InputError(
                f"{self.name} is known up to {library.q[-1]:.3g} 1/A, the study's band ends at {end:.3g}; give "
                "specimens that are simulated with a finer sampling_angstrom"
            )
        return library.resampled(own.q)

    def tests(self, plan: Plan, given: ScoringConditions | None) -> Mapping[str, ImagingConditions]:
        """Return the conditions to ask about by name: those given, or all under which the study tests."""
        named = dict(plan.study.conditions.resolved("test")) if given is None else given.tests
        return {f"{name}, {self.name}": one for name, one in named.items()}


def sentence_of(table: pl.DataFrame, name: str) -> str | None:
    """Say which networks are predicted best and worst on new specimens; None if nothing is predicted.

    Parameters
    ----------
    table : polars.DataFrame
        ``training_name``, ``cross_entropy`` and the ends of its interval, of each pair; of several conditions each
        training counts by the geometric mean.
    name : str
        Of the specimens.
    """
    known = table.filter(pl.col("cross_entropy").is_not_null())
    if known.is_empty():
        return None
    columns = ["cross_entropy", "cross_entropy_lower", "cross_entropy_upper"]
    means = known.group_by("training_name", maintain_order=True).agg(pl.col(columns).log().mean().exp())
    ranked = means.sort("cross_entropy", maintain_order=True)
    best, worst = ranked.row(0, named=True), ranked.row(-1, named=True)
    words = f"on {name} networks trained on {best['training_name']} are predicted to do best, {_loss_text(best)}"
    if len(ranked) == 1:
        return words.replace(" to do best", "")
    return f"{words}; those of {worst['training_name']} worst, {_loss_text(worst)}"


def _loss_text(row: Mapping[str, float | None]) -> str:
    words = f"cross-entropy {row['cross_entropy']:.3f}"
    ends = row["cross_entropy_lower"], row["cross_entropy_upper"]
    return words if None in ends else f"{words} ({ends[0]:.3f} to {ends[1]:.3f})"
