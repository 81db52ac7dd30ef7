import json

import numpy as np
import pytest

from temshift.report.page.packing import STEPS, pack, pack_within, unpack

RNG = np.random.default_rng(5)


def test_a_small_grid_is_kept_to_single_precision_and_its_holes_stay() -> None:
    grid = RNG.normal(size=(7, 11))
    grid[2, 3] = np.nan
    packed = json.loads(json.dumps(pack(grid)))
    np.testing.assert_allclose(unpack(packed), grid, rtol=1e-7)


@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_a_large_grid_errs_by_half_a_step_at_most(spread: float) -> None:
    grid = np.exp(RNG.uniform(-spread, spread, (900, 80)))
    grid[5:9] = np.nan
    packed = pack(grid)
    scale = np.log if packed["kind"] == "logarithm" else np.asarray
    assert packed["kind"] == ("logarithm" if spread > 1 else "linear")
    error = np.abs(scale(unpack(packed)) - scale(grid))
    present = scale(grid)[np.isfinite(grid)]
    assert np.nanmax(error) <= 0.501 * (present.max() - present.min()) / STEPS
    np.testing.assert_array_equal(np.isnan(error), np.isnan(grid))


def test_what_repeats_is_stored_once() -> None:
    column, row = RNG.normal(size=(900, 1)), RNG.normal(size=(1, 80))
    assert pack(np.tile(column, (1, 80)))["shape"] == [900, 1]
    assert pack(np.tile(row, (900, 1)))["shape"] == [1, 80]
    np.testing.assert_allclose(unpack(pack(np.tile(row, (900, 1)))), row, rtol=1e-7)


def test_a_large_grid_without_any_number_stays_empty() -> None:
    hole = np.full((900, 80), np.nan)
    hole[0] = np.arange(80)
    assert np.isnan(unpack(pack(hole))[1:]).all()
    assert np.isnan(unpack(pack(np.full((900, 80), np.nan)))).all()


def test_grids_are_packed_in_their_order_until_there_is_no_room() -> None:
    grids = {name: RNG.normal(size=(40, 40)) for name in "abc"} | {
        "empty": np.full((40, 40), np.nan),
        "flat": np.ones((40, 40)),
    }
    one = len(pack(grids["a"])["data"])
    packed, dropped = pack_within(grids, int(2.5 * one))
    assert list(packed) == ["a", "b", "flat"]
    assert dropped == ["c"]
