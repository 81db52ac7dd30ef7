"""Seeds: fixed stages, independent items, repeatable draws."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temshift.core.seeds import Stage, generator, seed_sequence, torch_seed

seeds = st.tuples(
    st.integers(0, 2**64), st.sampled_from(Stage), st.lists(st.integers(0, 2**20), min_size=1, max_size=3)
)


def test_stages_never_change():
    names = ["SPECIMEN", "PHONON", "CONDITION", "NOISE", "AUGMENTATION", "INITIALISATION", "ORDER", "METRIC"]
    names += ["OBSERVER", "LIBRARY", "DESIGN", "INTERVAL", "NUISANCE", "SHOWN_PHONON"]
    assert {stage.name: int(stage) for stage in Stage} == {name: n + 1 for n, name in enumerate(names)}


@given(seeds)
def test_draws_depend_on_the_item_alone(seed):
    root, stage, index = seed
    expected = np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(root, spawn_key=(int(stage), *index)))
    ).random(4)
    generator(root, stage, *index[:-1], index[-1] + 1).random(100)
    assert np.array_equal(generator(root, stage, *index).random(4), expected)


@given(seeds, seeds)
def test_other_items_draw_otherwise(one, other):
    same = one == other
    assert (torch_seed(one[0], one[1], *one[2]) == torch_seed(other[0], other[1], *other[2])) is same


@given(seeds)
def test_torch_seeds_fit_63_bits(seed):
    assert 0 <= torch_seed(seed[0], seed[1], *seed[2]) < 2**63


def test_sums_and_places_of_indices_do_not_collide():
    states = {
        tuple(seed_sequence(*numbers[:1], numbers[1], *numbers[2:]).generate_state(4))
        for numbers in [(1, Stage.NOISE), (4, Stage.SPECIMEN), (1, Stage.NOISE, 0), (1, Stage.NOISE, 0, 0)]
    }
    assert len(states) == 4


@pytest.mark.parametrize(("root", "index"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(root, index):
    with pytest.raises(ValueError, match="must not be negative"):
        seed_sequence(root, Stage.PHONON, index)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generator(0, Stage.ORDER).random(10)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_core_and_execution_start_without_heavy_packages():
    code = (
        "import sys, temshift.core, temshift.core.seeds, temshift.storage.files, temshift.storage.records, "
        "temshift.core.hashes, temshift.execution\n"
        "heavy = {'torch', 'ase', 'zarr', 'polars', 'pydantic', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
