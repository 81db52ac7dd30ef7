"""A made-up but physically plausible study folder: linear imaging, no networks, one seed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.core.electrons import wavelength
from temshift.storage.files import replacing, write_json, write_table, write_text
from temshift.vocabulary.columns import HISTORY, METRICS
from temshift.vocabulary.parameters import CANONICAL, DEFAULTS

HOSTILE = """<script>alert("dose")</script> 'low' & `${dose}` <b>50</b>"""
SAMPLING = 0.4
HEIGHTS = {"particle": 12.0, "substrate": 41.0}
Q = np.linspace(0, 0.6, 121)


@dataclass(frozen=True)
class Condition:
    name: str
    defocus: float = 0.0  # [nm]
    width: float = 1.5  # of the defocus, standard deviation [nm]
    dose: float = 400.0
    C30: float = -0.01  # [mm]
    C12: float = 0.0  # [nm]
    phi12: float = 0.0


def trainings(count: int) -> list[Condition]:
    defoci = {6: (-20, -10, 0, 10, 20), 8: (-20, -10, -5, 0, 5, 10, 20)}[count]
    return [Condition(f"defocus {d} nm", d) for d in defoci] + [Condition("broad", 0, 12)]


def tests(count: int) -> list[Condition]:
    defoci = np.linspace(-25, 25, 11 if count == 20 else 21)
    found = [Condition(f"defocus {d:g} nm", d) for d in defoci]
    found += [Condition(f"dose {d:g} e/A2 at {z} nm", z, dose=d) for z in (-10, 10) for d in (30, 75, 150, 600)]
    found += [Condition(f"C30 {c:g} mm at -10 nm", -10, C30=c) for c in (-0.02, 0.2, 0.5, 1.0, 1.2)]
    found += [Condition(f"C12 {c:g} nm along {a} deg", -10, C12=c, phi12=a) for c in (2, 5, 10) for a in (0, 30, 60)]
    chosen = found if count > 20 else found[:11] + found[11:19:2] + found[19:24:2] + found[24:27:2]
    chosen = chosen[:count]
    place = next(i for i, condition in enumerate(chosen) if condition.dose < 100)
    chosen[place] = replace(chosen[place], name=HOSTILE)
    return chosen


def transfer(condition: Condition, plane: str, q: NDArray[np.float64] = Q) -> NDArray[np.float64]:
    length = wavelength(300e3)
    c10 = -10 * condition.defocus + HEIGHTS[plane]
    chi = np.pi * length * c10 * q**2 + np.pi / 2 * condition.C30 * 1e7 * length**3 * q**4
    chi = chi + np.pi * length * 5 * condition.C12 * q**2 * np.cos(2 * np.radians(condition.phi12))
    return np.asarray(np.sin(chi) * envelope(q))


def envelope(q: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * (np.pi * wavelength(300e3) * 10 * q**2) ** 2) * (q < 0.55))


def draws(condition: Condition, plane: str) -> NDArray[np.float64]:
    shifts = condition.width * np.linspace(-2, 2, 9)
    weights = np.exp(-0.5 * np.linspace(-2, 2, 9) ** 2)
    squares = [transfer(replace(condition, defocus=condition.defocus + s), plane) ** 2 for s in shifts]
    return np.asarray(np.average(squares, axis=0, weights=weights))


def particle_power(q: NDArray[np.float64] = Q) -> NDArray[np.float64]:
    return np.asarray(0.05 * np.exp(-(((q - 0.28) / 0.03) ** 2)) + 0.03 * np.exp(-((q / 0.08) ** 2)) + 1e-4)


def substrate_power(q: NDArray[np.float64] = Q) -> NDArray[np.float64]:
    return np.asarray(0.01 * np.exp(-((q / 0.25) ** 2)))


def spectrum(condition: Condition) -> NDArray[np.float64]:
    seen = 0.3 * particle_power() * draws(condition, "particle") + substrate_power() * draws(condition, "substrate")
    s = 1 + 4 * condition.dose * seen
    return np.asarray(s * Q.sum() / (s * Q).sum())


def information_bits(condition: Condition) -> NDArray[np.float64]:
    noise = 1 + 4 * condition.dose * draws(condition, "substrate") * substrate_power()
    signal = 4 * condition.dose * draws(condition, "particle") * particle_power()
    return np.asarray(np.log2(1 + signal / noise))


def epsilon(condition: Condition) -> float:
    return float((Q * information_bits(condition)).sum() / Q.sum())


def distance(one: Condition, other: Condition) -> float:
    difference = np.log(spectrum(one)) - np.log(spectrum(other))
    return float(np.sqrt((Q * difference**2).sum() / Q.sum()))


def metrics_table(rows: list[Condition], columns: list[Condition]) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    pairs = [(row, column) for row in rows for column in columns]
    frame = pl.DataFrame(
        {
            "training_name": [row.name for row, _ in pairs],
            "test_name": [column.name for _, column in pairs],
            "epsilon_training": [epsilon(row) for row, _ in pairs],
            "epsilon_test": [epsilon(column) for _, column in pairs],
            "epsilon_test_error": [0.01 for _ in pairs],
            "distance": [distance(*pair) for pair in pairs],
            "defocus_difference_nm": [float(abs(row.defocus - column.defocus)) for row, column in pairs],
        }
    ).with_columns(sigma=(-pl.col("distance")).exp())
    truth = -2.3 - 0.7 * frame["epsilon_test"].log() + 0.8 * frame["distance"] + rng.normal(0, 0.12, frame.height)
    frame = frame.with_columns(ln_cross_entropy=truth, ln_cross_entropy_sd=pl.lit(0.05))
    return _with_predictions(frame)


def _with_predictions(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(
        pl.Series("predicted_ln_cross_entropy", _predict(frame, "")),
        pl.Series("left_out_test_prediction", _predict(frame, "test_name")),
        pl.Series("left_out_training_prediction", _predict(frame, "training_name")),
    )
    ends = {"lower": -0.25, "upper": 0.25}
    frame = frame.with_columns(
        (pl.col("left_out_test_prediction") + shift).alias(f"left_out_test_{end}") for end, shift in ends.items()
    )
    absent = [pl.lit(None, kind).alias(name) for name, kind in METRICS.items() if name not in frame.columns]
    return frame.with_columns(absent)


def _predict(frame: pl.DataFrame, left_out: str) -> NDArray[np.float64]:
    features = np.stack([np.ones(frame.height), np.log(frame["epsilon_test"]), frame["distance"]], axis=1)
    measured = frame["ln_cross_entropy"].to_numpy()
    if not left_out:
        return np.asarray(features @ np.linalg.lstsq(features, measured)[0])
    predicted = np.empty(frame.height)
    for name in frame[left_out].unique():
        out = (frame[left_out] == name).to_numpy()
        predicted[out] = features[out] @ np.linalg.lstsq(features[~out], measured[~out])[0]
    return predicted


def results_table(rows: list[Condition], columns: list[Condition], metrics: pl.DataFrame) -> pl.DataFrame:
    rng = np.random.default_rng(8)
    losses = {(r["training_name"], r["test_name"]): r["ln_cross_entropy"] for r in metrics.iter_rows(named=True)}
    records = [
        _result(row, column, seed, float(np.exp(losses[row.name, column.name] + rng.normal(0, 0.05))))
        for row in rows
        for seed in (0, 1)
        for column in columns
    ]
    frame = pl.DataFrame(records)
    missing = (pl.col("training_name") == rows[1].name) & (pl.col("test_name") == columns[2].name)
    scores = [
        pl.when(missing).then(None).otherwise(pl.col(name)).alias(name) for name in ("f1", "f1_sd", "iou", "iou_sd")
    ]
    return frame.with_columns(scores)


def _result(row: Condition, column: Condition, seed: int, loss: float) -> dict[str, Any]:
    f1 = float(np.exp(-1.1 * loss**1.5))
    return {
        "score_id": f"{network_id(row, seed)} on {column.name}",
        "network_id": network_id(row, seed),
        "test_id": column.name,
        "in_study": True,
        **dict.fromkeys(("training_cross_entropy", "in_distribution_cross_entropy", "g_id", "g_ood"), 0.1),
        **{f"training_{row.key}": None for row in CANONICAL},
        "training_name": row.name,
        "seed": seed,
        "test_name": column.name,
        **{"cross_entropy": loss, "cross_entropy_sd": 0.3 * loss, "f1": f1, "f1_sd": 0.08},
        **{"iou": f1 / (2 - f1), "iou_sd": 0.1, "accuracy": 1 - 0.3 * loss, "images": 96, "empty_masks": 0},
        **{"calibration_error": 0.1 * loss, "calibration_error_sd": 0.02 * loss},
        **{"training_defocus_nm": float(row.defocus), "training_defocus_sd_nm": float(row.width)},
        **{f"test_{key}": value for key, value in _settings(column).items()},
    }


def _settings(condition: Condition) -> dict[str, float | None]:
    """Every parameter; the MTF is perfect."""
    absent = {row.key: DEFAULTS[row.field] for row in CANONICAL}
    return {
        **{key: value if np.isfinite(value) else None for key, value in absent.items()},
        "defocus_nm": float(condition.defocus),
        "dose_e_per_A2": condition.dose,
        "C30_mm": condition.C30,
        "C12_nm": float(condition.C12),
        "phi12_deg": float(condition.phi12),
        "focal_spread_sigma_nm": 1.0,
        "angular_spread_sigma_mrad": 0.1,
        "semiangle_cutoff_mrad": 10.8,
    }


def training_settings(condition: Condition) -> dict[str, tuple[float | None, float]]:
    """Centre and standard deviation of what networks were trained on."""
    keys = ("defocus_nm", "dose_e_per_A2", "C30_mm", "C12_nm")
    widths = {"defocus_nm": float(condition.width)}
    return {key: (_settings(condition)[key], widths.get(key, 0.0)) for key in keys}


def network_id(row: Condition, seed: int) -> str:
    return f"network-{row.defocus}-{row.width}-{seed}"


def transfer_table(rows: list[Condition], columns: list[Condition]) -> pl.DataFrame:
    parts = [("training", row) for row in rows] + [("test", column) for column in columns]
    return pl.concat(
        pl.DataFrame(
            {
                "role": [role] * Q.size,
                "name": [condition.name] * Q.size,
                "q_per_A": Q,
                "particle_transfer": transfer(condition, "particle"),
                "substrate_transfer": transfer(condition, "substrate"),
                "particle_transfer_rms": np.sqrt(draws(condition, "particle")),
                "envelope": envelope(Q),
                "information_bits": information_bits(condition),
            }
        )
        for role, condition in parts
    )


_MEAN = {"baseline": True, "r2_left_out_test": -0.03, "r2_left_out_training": None, "rmse_left_out_test": 0.34}


def _models(metrics: pl.DataFrame) -> list[dict[str, Any]]:
    measured = metrics["ln_cross_entropy"].to_numpy()

    def error(column: str) -> dict[str, float]:
        rest = measured - metrics[column].to_numpy()
        kind = column.removesuffix("_prediction")
        return {
            f"r2_{kind}": float(1 - rest.var() / measured.var()),
            f"rmse_{kind}": float(np.sqrt((rest**2).mean())),
        }

    ours = {**error("left_out_test_prediction"), **error("left_out_training_prediction")}
    focus = {"baseline": True, "r2_left_out_test": 0.05, "r2_left_out_training": 0.09, "rmse_left_out_test": 0.33}
    return [
        {"name": "mean", "description": "the mean of all other cells", "in_sample": False, **_MEAN},
        {
            "name": "defocus difference",
            "description": "a line in |defocus - defocus'| alone",
            "in_sample": False,
            **focus,
        },
        {"name": "epsilon and sigma", "description": "the formula above", "in_sample": False, **ours},
        {
            "name": "row and column effects",
            "description": "one number a training and one a test condition: row and column effects",
            **{"in_sample": True, "r2_in_sample": 0.86, "rmse_in_sample": 0.12},
        },
    ]


def prediction_record(metrics: pl.DataFrame) -> dict[str, Any]:
    return {
        "formula": "ln CE = a + b ln(epsilon_test) + c d, d = -ln(sigma)",
        "coefficients": {"a": -2.31, "b": -0.69, "c": 0.82},
        "cells": metrics.height,
        "models": _models(metrics),
        "interval": {"level": 0.9, "conditions": 20, "half_width": 0.25, "covered_test": 0.92},
        "trials": [{"feature": "bend <b>", "gains": {"test": -0.1}, "errors": {"test": 0.2}, "taken": False}],
        "f1": {
            "formula": "logit F1 = a + b ln(epsilon_test)",
            "coefficients": {"a": 2.0, "b": 0.5},
            "cells": metrics.height,
            "models": [{"name": "F1 of epsilon", "description": "the formula above", **_MEAN}],
        },
        "caveats": ["Fitted on one matrix alone; <i>not</i> tried on another study."],
    }


def _specimen(
    rng: np.random.Generator, pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    y, x = np.mgrid[:pixels, :pixels] * SAMPLING
    centre, radius = (
        rng.uniform(0.35, 0.65, 2) * pixels * SAMPLING,
        rng.uniform(0.16, 0.26) * pixels * SAMPLING,
    )
    disc = np.clip(1 - ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2, 0, None) ** 0.5
    angle = rng.uniform(0, np.pi)
    fringes = sum(np.cos(2 * np.pi * 0.28 * (x * np.cos(a) + y * np.sin(a))) for a in angle + np.pi / 3 * np.arange(3))
    carbon = rng.normal(0, 0.12, disc.shape)
    return disc * (0.35 + 0.25 * fringes), carbon, (disc > 0).astype(np.uint8)


def _micrograph(
    particle: NDArray[np.float64], carbon: NDArray[np.float64], condition: Condition, rng: np.random.Generator
) -> NDArray[np.float32]:
    axis = np.fft.fftfreq(particle.shape[0], SAMPLING)
    q = np.hypot(axis[:, None], axis[None])
    waves = transfer(condition, "particle", q) * np.fft.fft2(particle) + transfer(
        condition, "substrate", q
    ) * np.fft.fft2(carbon)
    intensity = 1 - 2 * np.fft.ifft2(waves).real
    counts = rng.poisson(np.clip(intensity, 0, None) * condition.dose * SAMPLING**2)
    return ((counts - counts.mean()) / counts.std()).astype(np.float32)


def write_examples(folder: Path, rows: list[Condition], columns: list[Condition], pixels: int) -> None:
    rng = np.random.default_rng(9)
    specimens = [_specimen(rng, pixels) for _ in range(3)]
    images = np.array([[_micrograph(p, c, condition, rng) for condition in columns] for p, c, _ in specimens])
    masks = np.array([[mask] * len(columns) for _, _, mask in specimens])
    noise = rng.normal(0, 1, (len(rows), *images.shape))
    smooth = np.fft.ifft2(
        np.fft.fft2(noise) * np.exp(-200 * np.fft.fftfreq(pixels)[:, None] ** 2 - 200 * np.fft.fftfreq(pixels) ** 2)
    ).real
    probabilities = 1 / (1 + np.exp(-(6.0 * masks[None] - 3 + 12 * smooth)))
    with replacing(folder / "examples.npz") as path:
        np.savez_compressed(path, images=images, masks=masks, probabilities=probabilities.astype(np.float16))
    names = {"conditions": [c.name for c in columns], "specimens": [f"specimen {i} & co" for i in range(3)]}
    write_json(folder / "examples.json", {**names, "networks": [r.name for r in rows], "sampling_angstrom": SAMPLING})


def manifest_record(rows: list[Condition]) -> dict[str, Any]:
    networks = 2 * len(rows)
    stages = (
        ("simulate", 24.1, 480, 0),
        ("train", 61.7, networks - 4, 4),
        ("score", 28.9, networks * 20, 80),
        ("gather", 1.2, 1, 0),
    )
    database = {"id": "0123456789abcdef", "specimens": 384, "frozen_phonons": 1, "sampling_angstrom": 0.4}
    return {
        **{
            "name": "a <b>& study",
            "temshift": "0.1.0",
            "created": "2026-01-02T03:04:05+00:00",
            "seed": 20251209,
            "platform": "Linux x86_64",
        },
        **{
            "versions": {"numpy": "2.4.0", "torch": "2.13.0", "plotly": "7.1.0"},
            "device": "cpu",
            "workers": 2,
        },
        "stages": [dict(zip(("name", "seconds", "made", "reused"), stage, strict=True)) for stage in stages],
        "database": {
            "training": database,
            "test": {**database, "specimens": 96},
            "coverage_mean": 0.93,
            "coverage_min": None,
        },
        **{"networks": networks, "parameters": [84130]},
        "trainings": {row.name: training_settings(row) for row in rows},
    }


def write_histories(folder: Path, rows: list[Condition]) -> None:
    rng = np.random.default_rng(10)
    steps = np.arange(10, 301, 10)
    for row in rows:
        for seed in (0, 1):
            loss = 0.12 + 0.6 * np.exp(-steps / 60) + np.abs(rng.normal(0, 0.02, steps.size))
            known = {"epoch": steps // 10, "steps": steps, "learning_rate": 1e-2, "cross_entropy": loss}
            table = pl.DataFrame({**known, "validation_cross_entropy": None}, schema=HISTORY)
            write_table(folder / network_id(row, seed) / "history.parquet", table)


def write_study(folder: Path, rows: int = 6, columns: int = 20, pixels: int = 64) -> Path:
    """Write the study folder; 8 rows, 43 columns and 128 pixels are like the real quick study."""
    training, test = trainings(rows), tests(columns)
    metrics = metrics_table(training, test)
    write_text(
        folder / "study.yaml",
        f"# quick study\nname: '<script>alert(1)</script>'\ntests:\n  - name: {HOSTILE}\n",
    )
    write_json(folder / "manifest.json", manifest_record(training))
    write_table(folder / "results.parquet", results_table(training, test, metrics))
    write_table(folder / "metrics.parquet", metrics)
    write_table(folder / "transfer.parquet", transfer_table(training, test))
    write_json(folder / "prediction.json", prediction_record(metrics))
    hostile = next(condition for condition in test if condition.name == HOSTILE)
    write_examples(folder / "examples", [training[0], training[2], training[-1]], [*test[:8:2], hostile], pixels)
    write_histories(folder / "networks", training)
    return folder
