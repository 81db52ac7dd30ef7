"""Random numbers that depend on the item drawn alone, never on batch, worker, order or device."""

from enum import IntEnum

import numpy as np


class Stage(IntEnum):
    """What a draw is for; the integers are part of every stored result and never change."""

    SPECIMEN = 1
    PHONON = 2
    CONDITION = 3
    NOISE = 4
    AUGMENTATION = 5
    INITIALISATION = 6
    ORDER = 7
    METRIC = 8
    OBSERVER = 9
    LIBRARY = 10
    DESIGN = 11
    INTERVAL = 12
    NUISANCE = 13
    SHOWN_PHONON = 14


def seed_sequence(root: int, stage: Stage, *index: int) -> np.random.SeedSequence:
    """Give the seed of one item: ``SeedSequence(root, spawn_key=(stage, *index))``.

    Parameters
    ----------
    root : int
        Seed of the study, not negative.
    stage : Stage
        What the draw is for.
    *index : int
        Number of the item (specimen, phonon configuration, ...), not negative.

    Returns
    -------
    numpy.random.SeedSequence
        Independent of the seed of any other root, stage or index.

    Raises
    ------
    ValueError
        If `root` or a part of `index` is negative.

    Examples
    --------
    >>> seed_sequence(7, Stage.SPECIMEN, 3).spawn_key
    (1, 3)
    """
    if root < 0 or any(part < 0 for part in index):
        raise ValueError(f"root {root} and index {index} must not be negative; count from 0")
    return np.random.SeedSequence(root, spawn_key=(int(stage), *index))


def generator(root: int, stage: Stage, *index: int) -> np.random.Generator:
    """Give a fresh generator (PCG64) for one item; see `seed_sequence`.

    Parameters
    ----------
    root : int
        Seed of the study, not negative.
    stage : Stage
        What the draw is for.
    *index : int
        Number of the item, not negative.

    Returns
    -------
    numpy.random.Generator
        Starts at the same state whenever it is asked for with the same arguments.

    Examples
    --------
    >>> draws = [generator(7, Stage.NOISE, 0).integers(1000) for _ in range(2)]
    >>> bool(draws[0] == draws[1])
    True
    """
    return np.random.Generator(np.random.PCG64(seed_sequence(root, stage, *index)))


def torch_seed(root: int, stage: Stage, *index: int) -> int:
    """Give an integer for ``torch.Generator.manual_seed``, of which CPU generators use the low 32 bits.

    Parameters
    ----------
    root : int
        Seed of the study, not negative.
    stage : Stage
        What the draw is for.
    *index : int
        Number of the item, not negative.

    Returns
    -------
    int
        Of 63 bits: 0 to ``2**63 - 1``.

    Examples
    --------
    >>> 0 <= torch_seed(7, Stage.INITIALISATION, 0) < 2**63
    True
    """
    word = seed_sequence(root, stage, *index).generate_state(1, np.uint64)[0]
    return int(word) >> 1
