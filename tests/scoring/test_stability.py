"""Stability: the scatter of a network's loss over the defoci of a series, focus left out."""

import numpy as np
import polars as pl
import pytest

from temshift.scoring.stability import with_stability
from temshift.vocabulary.columns import CONDITION_COLUMNS

LOSSES = {-10.0: 0.3, -5.0: 0.1, 0.0: 2.0, 5.0: 0.2, 10.0: 0.7}


def rows_of(network: str, dose: float, scale: float = 1.0) -> list[dict[str, object]]:
    settings = dict.fromkeys((f"test_{name}" for name in CONDITION_COLUMNS), 0.0)
    return [
        {
            "network_id": network,
            **settings,
            "test_id": f"{defocus} {dose}",
            "test_defocus_nm": defocus,
            "test_dose_e_per_A2": dose,
            "test_semiangle_cutoff_mrad": None,
            "cross_entropy": scale * loss,
            "cross_entropy_softmax_twice": scale * loss / 2,
        }
        for defocus, loss in LOSSES.items()
    ]


def test_it_is_the_standard_deviation_over_defoci_other_than_focus_of_each_network_and_dose() -> None:
    parts = [("a", 400.0, 1.0), ("a", 50.0, 2.0), ("b", 400.0, 3.0)]
    rows = pl.DataFrame([row for part in parts for row in rows_of(*part)])
    stable = with_stability(rows, "network_id")
    expected = np.std([0.3, 0.1, 0.2, 0.7], ddof=1)
    assert stable["stability_cross_entropy"].to_list() == pytest.approx(np.repeat([1, 2, 3], 5) * expected)
    assert stable["stability_softmax_twice"].to_list() == pytest.approx(np.repeat([1, 2, 3], 5) * expected / 2)
    shuffled = with_stability(rows.sample(fraction=1, shuffle=True, seed=1), "network_id")
    both = shuffled.join(stable, on=["network_id", "test_id"])
    assert len(both) == len(rows)
    assert both["stability_cross_entropy_right"].to_list() == pytest.approx(both["stability_cross_entropy"].to_list())


def test_a_test_of_two_names_counts_once() -> None:
    rows = pl.DataFrame(rows_of("a", 400.0))
    twice = with_stability(pl.concat([rows, rows.head(1)]), "network_id")
    assert set(twice["stability_cross_entropy"]) == set(with_stability(rows, "network_id")["stability_cross_entropy"])


def test_one_defocus_beside_focus_has_no_scatter() -> None:
    rows = pl.DataFrame(rows_of("a", 400.0)).filter(pl.col("test_defocus_nm").is_in([0.0, 5.0]))
    assert with_stability(rows, "network_id")["stability_cross_entropy"].to_list() == [None, None]
