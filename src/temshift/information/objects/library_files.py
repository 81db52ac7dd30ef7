"""Libraries of particle instances as files: a table of particles and a record of all that they share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from temshift.core import DamagedError
from temshift.information.objects.library import ObjectLibrary
from temshift.storage import read_table, write_table
from temshift.storage.records import read_record, write_record
from temshift.vocabulary.columns import INSTANCES

_SHARED = ("q", "substrate", "area_fraction", "specimens")  # values that particles share


def write_library(record: Path | str, library: ObjectLibrary, facts: Mapping[str, Any] | None = None) -> None:
    """Write a library as a record (JSON) and, in the same folder, a table of its particles (Parquet).

    Parameters
    ----------
    record : path
        The record, ``NAME.json``; the table is ``NAME.parquet``.
    library : ObjectLibrary
        The library; powers of particles are kept to 24 bits.
    facts : mapping, optional
        Plain values to keep with it: how the library was made.

    Raises
    ------
    TemshiftError
        If the files cannot be written.
    """
    table = Path(record).with_suffix(".parquet")
    columns = library.area, library.particle_height, library.thickness, library.substrate_height
    powers = (library.particle.tolist(), library.amplitude.tolist(), library.cross.tolist())
    data = dict(zip(INSTANCES, [*columns, *powers], strict=True))
    write_table(table, pl.DataFrame(data, schema=INSTANCES))
    shared = {name: np.asarray(getattr(library, name)).tolist() for name in _SHARED}
    write_record(record, [table], {**(facts or {}), "library": shared})


def read_library(record: Path | str) -> ObjectLibrary:
    """Read a library that `write_library` wrote.

    Parameters
    ----------
    record : path
        The record, a JSON file.

    Returns
    -------
    ObjectLibrary

    Raises
    ------
    InputError
        If the record is absent.
    DamagedError
        If the record or its table was altered, or is that of something else.
    """
    kept = read_record(record)
    if "library" not in kept.facts:
        raise DamagedError(f"{record} is no object library; name one that write_library wrote")
    table, shared = read_table(kept.files[0]), kept.facts["library"]
    area, height, thickness, below = (table[name].to_numpy(writable=True) for name in list(INSTANCES)[:4])
    powers = (np.stack(table[name].to_list()).astype(np.float64) for name in list(INSTANCES)[4:])
    particle, amplitude, cross = powers
    return ObjectLibrary(
        q=np.array(shared["q"]),
        particle=particle,
        amplitude=amplitude,
        cross=cross,
        area=area,
        particle_height=height,
        substrate=np.array(shared["substrate"]),
        thickness=thickness,
        substrate_height=below,
        area_fraction=shared["area_fraction"],
        specimens=shared["specimens"],
    )
