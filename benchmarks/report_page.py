"""Time and size of the report of a very large study: python benchmarks/report_page.py [--trainings N] [--seeds N].

Tables are made up: 12,000 networks under 80 test conditions by default. The page is opened in headless Chromium, beside
the page of a small study with the same plots, and the ratio is printed; opened means drawn, with every menu at work.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from playwright.sync_api import Browser, Page, sync_playwright

from temshift.report import load_study, report_html
from temshift.storage import write_json, write_table, write_text
from temshift.vocabulary import CANONICAL, DEFAULTS, METRICS, RESULTS, TRANSFER

POINTS = 160
RUNS = 5
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def settings(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """Conditions that differ in defocus, dose, astigmatism and spherical aberration."""
    usual = {row.key: DEFAULTS[row.field] for row in CANONICAL}
    fixed = {key: value if np.isfinite(value) else None for key, value in usual.items()}
    kind = rng.integers(0, 4, count)
    drawn = {
        "defocus_nm": np.where(kind == 0, rng.uniform(-25, 25, count).round(1), -10.0),
        "dose_e_per_A2": np.where(kind == 1, rng.uniform(30, 600, count).round(), 400.0),
        "C12_nm": np.where(kind == 2, rng.uniform(0, 10, count).round(1), 0.0),
        "C30_mm": np.where(kind == 3, rng.uniform(-0.02, 1.2, count).round(3), -0.01),
    }
    columns = {**fixed, **drawn}
    return pl.DataFrame(
        {
            key: pl.Series(np.broadcast_to(value, count), dtype=pl.Float64)
            if value is not None
            else pl.Series([None] * count, dtype=pl.Float64)
            for key, value in columns.items()
        }
    )


def filled(known: pl.DataFrame, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    """Add the columns that a table must have, without numbers."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in known.columns]
    return known.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())


def pairs(rng: np.random.Generator, trained: pl.DataFrame, tested: pl.DataFrame) -> pl.DataFrame:
    """One row a pair, with a loss that noise keeps from being packed easily."""
    frame = trained.join(tested, how="cross")
    sigma = np.exp(-np.abs(frame["training_defocus_nm"] - frame["test_defocus_nm"]).to_numpy() / 20)
    loss = -2 - np.log(sigma) + rng.normal(0, 0.15, frame.height)
    known = {
        name: pl.Series(loss + rng.normal(0, 0.1, frame.height))
        for name, kind in METRICS.items()
        if kind == pl.Float64 and name.endswith("prediction")
    }
    return frame.with_columns(
        sigma=pl.Series(sigma),
        distance=pl.Series(-np.log(sigma)),
        ln_cross_entropy=pl.Series(loss),
        predicted_ln_cross_entropy=pl.Series(loss),
        **known,
        observer_linear_cross_entropy=pl.Series(np.exp(loss + rng.normal(0, 0.2, frame.height))),
        observer_both_cross_entropy=pl.Series(np.exp(loss + rng.normal(0, 0.2, frame.height))),
    )


def results(rng: np.random.Generator, frame: pl.DataFrame, seeds: int) -> pl.DataFrame:
    """One row a network x test condition."""
    every = frame.join(pl.DataFrame({"seed": np.arange(seeds)}), how="cross")
    loss = np.exp(every["ln_cross_entropy"].to_numpy() + rng.normal(0, 0.05, every.height))
    f1 = np.exp(-loss)
    scores = {"cross_entropy": loss, "cross_entropy_sd": loss / 3, "f1": f1, "f1_sd": f1 / 9, "iou": f1 / (2 - f1)}
    scores |= {"accuracy": 1 - loss / 9, "calibration_error": loss / 9, "iou_sd": f1 / 8}
    named = every.with_columns(network_id=pl.concat_str("training_name", "seed", separator="-"), in_study=pl.lit(True))
    return filled(named.with_columns(**{name: pl.Series(values) for name, values in scores.items()}), RESULTS)


def curves(rng: np.random.Generator, role: str, names: list[str], defocus: np.ndarray) -> pl.DataFrame:
    """Transfer functions of every distribution."""
    q = np.linspace(0, 0.6, POINTS)
    chi = np.pi * 0.0197 * (-10 * defocus[:, None] + 12) * q**2
    envelope = np.exp(-((q / 0.5) ** 4))
    columns = {"particle_transfer": np.sin(chi) * envelope, "substrate_transfer": np.sin(chi + 1.8 * q**2) * envelope}
    columns |= {"particle_transfer_rms": np.abs(columns["particle_transfer"]), "envelope": envelope + 0 * chi}
    columns["information_bits"] = np.log2(1 + 9 * columns["particle_transfer"] ** 2)
    known = {name: values.ravel() for name, values in columns.items()}
    where = {"role": role, "name": np.repeat(names, POINTS), "q_per_A": np.tile(q, len(names))}
    return filled(pl.DataFrame({**where, **known}), TRANSFER)


def write_tables(folder: Path, trainings: int, seeds: int, tests: int) -> Path:
    """Write all that a report draws from."""
    rng = np.random.default_rng(0)
    train, test = settings(rng, trainings), settings(rng, tests)
    sides = [
        side.rename(lambda key, role=role: f"{role}_{key}").with_columns(
            pl.Series(
                f"{role}_name", [f"{role} distribution {i}, {side['defocus_nm'][i]} nm" for i in range(len(side))]
            )
        )
        for role, side in (("training", train), ("test", test))
    ]
    frame = pairs(rng, sides[0].with_columns(training_defocus_sd_nm=pl.lit(1.5)), sides[1])
    more = {name: kind for name, kind in frame.schema.items() if name.startswith("observer")}
    write_table(folder / "metrics.parquet", filled(frame, {**METRICS, **more}))
    write_table(folder / "results.parquet", results(rng, frame, seeds))
    named = [
        (side[f"{role}_name"].to_list(), side[f"{role}_defocus_nm"].to_numpy(), role)
        for role, side in zip(("training", "test"), sides, strict=True)
    ]
    write_table(folder / "transfer.parquet", pl.concat(curves(rng, role, names, d) for names, d, role in named))
    told = {
        name: {key: (train[key][i], 1.5 if key == "defocus_nm" else 0.0) for key in train.columns}
        for i, name in enumerate(sides[0]["training_name"])
    }
    write_records(folder, told, trainings * seeds)
    return folder


def write_records(folder: Path, told: dict[str, object], networks: int) -> None:
    """Write what goes with the tables: manifest, prediction, settings and a few pictures."""
    texts = {"name": "large", "temshift": "0", "created": "2026-01-01T00:00:00+00:00", "platform": "", "device": "cpu"}
    numbers = {"seed": 0, "workers": 2, "networks": networks, "parameters": [84130]}
    lists = {"versions": {}, "stages": [], "database": {}, "trainings": told}
    write_json(folder / "manifest.json", {**texts, **numbers, **lists})
    write_json(folder / "prediction.json", {"formula": "", "coefficients": {}, "cells": 0, "models": [], "caveats": []})
    write_text(folder / "study.yaml", "name: large\n")
    names = {"conditions": ["a"], "specimens": ["b"], "networks": ["c"], "sampling_angstrom": 0.4}
    write_json(folder / "examples" / "examples.json", names)
    images = np.zeros((1, 1, 64, 64), np.float32)
    np.savez(folder / "examples" / "examples.npz", images=images, masks=images, probabilities=images[None])


def write_page(study: Path) -> Path:
    """Write the page alone, without the files beside it."""
    page = study / "report.html"
    write_text(page, report_html(load_study(study)))
    return page


def opened(browser: Browser, page: Path) -> tuple[float, float, float]:
    """Seconds until menus and keys work, until every plot is drawn, and of the page's own thread on the processor."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    tab.goto(page.as_uri(), timeout=120_000)
    seconds = [_until(tab, mark, start) for mark in ("ready", "drawn")]
    counted = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    tab.close()
    return seconds[0], seconds[1], counted["TaskDuration"]


def _until(tab: Page, mark: str, start: float) -> float:
    while not tab.evaluate(f"document.documentElement.dataset.{mark} === 'true'"):
        tab.wait_for_timeout(10)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=12000, help="training distributions")
    parser.add_argument("--seeds", type=int, default=1, help="networks of each")
    parser.add_argument("--tests", type=int, default=80, help="test conditions")
    parser.add_argument("--folder", type=Path, help="where to keep the tables")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    large = write_tables(folder / "large", asked.trainings, asked.seeds, asked.tests)
    small = write_tables(folder / "small", 8, 1, 40)
    start = time.perf_counter()
    pages = [write_page(study) for study in (large, small)]
    print(f"writing both: {time.perf_counter() - start:.1f} s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        seconds = [[opened(browser, page) for page in pages] for _ in range(RUNS)]
        browser.close()
    for name, page, times in zip(("large", "small"), pages, zip(*seconds, strict=True), strict=True):
        at_work, drawn, own = (statistics.median(one) for one in zip(*times, strict=True))
        print(f"{name}, {page.stat().st_size / 1e6:.1f} MB, medians of {RUNS}: at work in {at_work:.2f} s,")
        print(f"    all plots drawn in {drawn:.2f} s, of which {own:.2f} s of the processor")
    ratios = [[one / other for one, other in zip(*pair, strict=True)] for pair in seconds]
    print("ratios, large to small:", *(f"{statistics.median(one):.2f}" for one in zip(*ratios, strict=True)))


if __name__ == "__main__":
    main()
