"""The tables of a part of a study, in a folder that needs no networks and no waves beside it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from temshift.core import DamagedError, InputError
from temshift.storage import read_table
from temshift.storage.files import table_bytes
from temshift.storage.records import read_record, write_recorded

PART = "part.json"  # the record that vouches for the others, written last
RESULTS_FILE, NETWORKS_FILE = "results.parquet", "networks.parquet"

_UNIT = re.compile(r"_(nm|um|mm|deg|mrad|ev|ppm|percent|e_per_A2)$")


@dataclass(frozen=True)
class PartTables:
    """The networks of a part of a study, and their scores.

    Attributes
    ----------
    study : str
        Hash of the study.
    name : str
        Its name.
    count : int
        How many networks the whole study has.
    results : polars.DataFrame
        Rows of :data:`temshift.vocabulary.columns.RESULTS` with settings, and the ``place`` of each in the study.
    networks : polars.DataFrame
        A row a network: its ``number`` in the study, ``network_id``, the ``cpu`` that it was made on, and centre and
        spread of each parameter that it was trained on.
    """

    study: str
    name: str
    count: int
    results: pl.DataFrame
    networks: pl.DataFrame


def spread_column(key: str) -> str:
    """Name the column of the standard deviation of a parameter that networks were trained on.

    Examples
    --------
    >>> spread_column("defocus_nm"), spread_column("dose_e_per_A2"), spread_column("dqe_zero")
    ('training_defocus_sd_nm', 'training_dose_sd_e_per_A2', 'training_dqe_zero_sd')
    """
    unit = _UNIT.search(key)
    return f"training_{key[: unit.start()]}_sd{unit.group()}" if unit else f"training_{key}_sd"


def is_part(place: Path) -> bool:
    """Return whether a folder holds the tables of a part."""
    return (place / PART).exists()


def write_tables(place: Path | str, tables: PartTables) -> None:
    """Write the tables of a part into a folder; they appear whole, with a record that vouches for them."""
    contents = {RESULTS_FILE: table_bytes(tables.results), NETWORKS_FILE: table_bytes(tables.networks)}
    facts = {"study": tables.study, "name": tables.name, "networks": tables.count}
    write_recorded(Path(place) / PART, contents, facts)


def read_tables(place: Path | str) -> PartTables:
    """Read the tables of a part, verified.

    Raises
    ------
    InputError
        If there are none.
    DamagedError
        If a file was altered or is missing.
    """
    place = Path(place)
    try:
        facts = read_record(place / PART).facts
        tables = [read_table(place / name) for name in (RESULTS_FILE, NETWORKS_FILE)]
        return PartTables(str(facts["study"]), str(facts["name"]), int(facts["networks"]), *tables)
    except (DamagedError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{error}; temshift run with the same --networks writes {place} again") from error


def require_one_study(studies: Sequence[tuple[str, str]]) -> None:
    """Refuse parts of different studies.

    Parameters
    ----------
    studies : sequence of (str, str)
        Name of each part for people, and the hash of its study.

    Raises
    ------
    InputError
        With the first two that differ.
    """
    first, *others = studies
    for other in others:
        if other[1] != first[1]:
            raise InputError(
                f"{first[0]} and {other[0]} are parts of different studies, {first[1]} and {other[1]}; a part joins "
                "others that were made with the same study file, so name those alone"
            )


def joined_networks(tables: Sequence[PartTables]) -> pl.DataFrame:
    """Return the networks of several parts, each once, by number."""
    every = pl.concat([part.networks for part in tables], how="diagonal_relaxed")
    return every.unique("network_id", keep="first", maintain_order=True).sort("number")


def part_words(networks: pl.DataFrame, count: int) -> list[str]:
    """Say which networks of a study are missing, and on which kinds of processors the others were made.

    Parameters
    ----------
    networks : polars.DataFrame
        See :class:`PartTables`.
    count : int
        How many the study has.

    Returns
    -------
    list of str
        Sentences.
    """
    there = set(networks["number"].to_list())
    missing = _runs([number for number in range(count) if number not in there])
    text = ", ".join(f"{some.start}:{some.stop}" for some in missing)
    lacking = [f"{count - len(there)} of {count} networks are missing: --networks {text}"] if missing else []
    kinds = Counter(networks["cpu"].fill_null("an unknown processor").to_list())
    made = ", ".join(f"{number} on {kind}" for kind, number in sorted(kinds.items()))
    return [*lacking, f"networks were made on {len(kinds)} type{'s' if len(kinds) > 1 else ''} of CPU: {made}"]


def _runs(numbers: Sequence[int]) -> list[range]:
    """Cut ascending numbers into ranges without gaps.

    Examples
    --------
    >>> _runs([0, 1, 4])
    [range(0, 2), range(4, 5)]
    """
    result: list[range] = []
    for number in numbers:
        start = result.pop().start if result and result[-1].stop == number else number
        result.append(range(start, number + 1))
    return result


def merged_rows(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join rows of parts of one study, with their places: in its order, each once."""
    rows = pl.concat([with_vague(rows) for rows in parts], how="diagonal_relaxed")
    once = rows.unique(["score_id", "training_name", "test_name"], keep="first", maintain_order=True)
    return settled(once.sort("place", nulls_last=True, maintain_order=True))


def settled(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the settings that no network has as texts, since nothing says which kind they are of."""
    vague = [name for name, kind in rows.schema.items() if kind == pl.Null]
    return rows.with_columns(pl.col(name).cast(pl.String) for name in vague)


def with_vague(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave the kind of settings open that no network of a folder has, since those of another may have them."""
    empty = [name for name in rows.columns if "." in name and rows[name].null_count() == len(rows)]
    return rows.with_columns(pl.lit(None).alias(name) for name in empty)
