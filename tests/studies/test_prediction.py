"""A prediction is judged on whole conditions that it has not seen, whatever else is swept."""

from itertools import product

import numpy as np
import polars as pl

from temshift.core.tables import METRICS
from temshift.studies.prediction import predict


def cells_of(*labels: str) -> pl.DataFrame:
    """Losses that hang on the training distribution more than on what predicts, alike under every swept setting."""
    draws = np.random.default_rng(0)
    trainings = {f"training {number}": draws.normal() for number in range(4)}
    tests = {f"test {number}": draws.normal(scale=0.1) for number in range(5)}
    rows = [
        {
            **dict.fromkeys(METRICS),
            "training_name": f"{training}{label}",
            "training_group": training,
            "test_name": test,
            "ln_cross_entropy": effect + own,
            "epsilon_test": np.exp(own),
            "distance": effect**2 + own**2,
            "defocus_difference_nm": effect - own,
        }
        for label, (training, effect), (test, own) in product(labels, trainings.items(), tests.items())
    ]
    return pl.DataFrame(rows, schema_overrides=METRICS)


def test_a_training_that_is_left_out_is_left_out_under_all_swept_settings() -> None:
    """Cells that are there twice change no least squares: neither fit nor errors may change."""
    once, twice = (predict(cells_of(*labels)) for labels in ([""], [", rate 1", ", rate 2"]))
    for role in ("training", "test"):
        column = f"left_out_{role}_prediction"
        np.testing.assert_allclose(twice[0][column], [*once[0][column]] * 2, rtol=1e-9)
    for one, two in zip(once[1]["models"], twice[1]["models"], strict=True):
        assert one["name"] == two["name"]
        errors = [[model.get(f"rmse_left_out_{role}", 0.0) for role in ("training", "test")] for model in (one, two)]
        np.testing.assert_allclose(*errors, rtol=1e-9)
