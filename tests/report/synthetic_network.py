"""The scores of one network that was made elsewhere, cut out of the synthetic study."""

import shutil
from pathlib import Path

import polars as pl

from temshift.storage.files import read_json, read_table, write_json, write_table

UNKNOWN = ("sigma", "distance", "epsilon_training", "defocus_difference_nm", "left_out_training_prediction")


def own_network(folder: Path, told: bool) -> Path:
    """Make the scores of one network of a study's folder."""
    results, metrics = (read_table(folder / f"{name}.parquet") for name in ("results", "metrics"))
    name = results["training_name"][0]
    results = results.filter((pl.col("training_name") == name) & (pl.col("seed") == 0))
    metrics = metrics.filter(pl.col("training_name") == name)
    if not told:
        lost = [column for column in results.columns if column.startswith("training_")]
        results = results.with_columns(pl.lit(None, results.schema[column]).alias(column) for column in lost)
        metrics = metrics.with_columns(pl.lit(None, metrics.schema[c]).alias(c) for c in ("training_name", *UNKNOWN))
    write_table(folder / "results.parquet", results.with_columns(seed=pl.lit(None, pl.Int64)))
    write_table(folder / "metrics.parquet", metrics)
    manifest = read_json(folder / "manifest.json")
    trainings = {name: manifest["trainings"][name]} if told and name in manifest["trainings"] else {}
    changed = {"kind": "own network", "name": "probe", "networks": 1, "parameters": [], "trainings": trainings}
    write_json(folder / "manifest.json", manifest | changed)
    shutil.move(folder / "study.yaml", folder / "conditions.yaml")
    shutil.rmtree(folder / "networks")
    return folder
