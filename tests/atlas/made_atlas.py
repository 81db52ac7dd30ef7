"""Tables of an atlas whose scores follow from the observer by a known law."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from temshift.atlas import AtlasSpace, FeaturedCells

KIND = "CdSe"
COUNT = 12
SLOPE, NOISE = 0.8, 0.02  # of ln CE on that of the observer, and its scatter


class Made(NamedTuple):
    """A folder with tables, portraits and a predictor, and the law that its scores follow."""

    folder: Path
    space: AtlasSpace
    cells: FeaturedCells
    law: np.ndarray


def part_table(numbers: range, trainings: list[str], tests: list[str], losses: np.ndarray, study: str) -> pl.DataFrame:
    """A table as ``temshift results PART --compact`` writes it, of one seed; the last loss of a training is at home."""
    rows = [
        {
            "study": study,
            "number": number,
            "network_id": f"network-{number}",
            "training_name": f"{trainings[number]}, {KIND}",
            "training_specimens": KIND,
            "seed": 0,
            "cpu": "some",
            "test_name": f"{test}, {KIND}",
            "test_specimens": KIND,
            "in_distribution_cross_entropy": float(losses[number, -1]),
            "cross_entropy": float(losses[number, place]),
            "f1": float(np.exp(-losses[number, place])),
            "calibration_error": 0.01,
            "missed": 0.1,
            "invented": 0.01,
            "g_ood_specimens": 0.0,
        }
        for number in numbers
        for place, test in enumerate(tests)
    ]
    return pl.DataFrame(rows)
