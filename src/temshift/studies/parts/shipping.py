"""The tables of parts as one small table, to be kept with a program or sent: rounded, without what follows from others.

A network that is trained again from another seed has another loss by some per cent: half-precision numbers, to 0.05 %,
and shares to 0.001 lose nothing beside that.
"""

import io

import polars as pl

from temshift.studies.analysis.part_tables import PartTables

LOSSES = ("cross_entropy", "g_ood_specimens")
SHARES = ("f1", "calibration_error", "missed", "invented")
DECIMALS = 3  # of the shares
LEVEL = 19  # of zstd


def compact_table(tables: PartTables) -> pl.DataFrame:
    """Return a row for each network and test condition, of the numbers that a fit to many networks takes.

    Parameters
    ----------
    tables : PartTables
        One part, or several joined.

    Returns
    -------
    polars.DataFrame
        ``study`` (hash), number and ``network_id``, the ``cpu``, centre and spread of all that the network was trained
        on, name and specimens of the test, and the scores; by network and then in the order of the study. Losses are
        16-bit floats, F1, calibration error, missed and invented shares too, rounded to 0.001.
    """
    networks = tables.networks.with_columns(pl.selectors.float().cast(pl.Float32), pl.col("number").cast(pl.Int32))
    inside = pl.col("in_distribution_cross_entropy").cast(pl.Float32)
    scores = tables.results.select(
        "network_id",
        "test_name",
        "test_specimens",
        "place",
        inside,
        *(pl.col(name).cast(pl.Float16) for name in LOSSES),
        *(pl.col(name).round(DECIMALS).cast(pl.Float16) for name in SHARES),
    )
    rows = networks.join(scores, on="network_id", how="inner", maintain_order="left_right").sort("number", "place")
    return rows.select(
        pl.lit(tables.study).alias("study"), "number", "network_id", pl.exclude("number", "network_id", "place")
    )


def compact_bytes(tables: PartTables) -> bytes:
    """Return :func:`compact_table` as a Parquet file, made as small as it gets."""
    buffer = io.BytesIO()
    compact_table(tables).write_parquet(buffer, compression="zstd", compression_level=LEVEL, statistics=False)
    return buffer.getvalue()
