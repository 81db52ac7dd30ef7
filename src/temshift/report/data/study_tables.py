"""The saved tables and pictures of a study, loaded and checked; nothing else of a study is read here."""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from temshift.core import DamagedError, InputError, TemshiftError
from temshift.report.data.galleries import INDEX, Gallery, load_galleries
from temshift.storage import read_json, read_table
from temshift.storage.vouching import verify_named
from temshift.vocabulary.columns import HISTORY, LATER_SCORES, METRICS, RESULTS, TRANSFER, with_later_columns
from temshift.vocabulary.parameters import CANONICAL, DEFAULTS

_ALWAYS_THERE = tuple(f"test_{row.key}" for row in CANONICAL if math.isfinite(DEFAULTS[row.field]))
_NEVER_MISSING = frozenset(
    name
    for name in (*RESULTS, *TRANSFER)
    if name in ("network_id", "seed", "role", "name", "q_per_A", "test_name", *_ALWAYS_THERE)
    or name in ("training_name", "training_defocus_nm", "training_defocus_sd_nm")
)
# Columns that folders of earlier versions lack, apart from conditions
_ADDED = frozenset({"information_bits", *LATER_SCORES})
_MOST_LEARNING_FIGURES = 24
_MOST_CURVES = 10  # of one training distribution
UNTOLD = "training not told"  # name of the unknown distribution that a network was trained on
_NAME_OF_OWN = pl.col("training_name").fill_null(UNTOLD)
_SEED_OF_OWN = pl.col("seed").fill_null(0)
_REMEDY = "run `temshift run` again, or `temshift score` for a network of your own"
_RECORD = "report.json"  # vouches for all that is drawn but learning curves, which networks' records vouch for
_DRAWN = (
    *("manifest.json", "prediction.json", "results.parquet", "metrics.parquet", "transfer.parquet"),
    *("examples/examples.json", "examples/examples.npz", f"examples/{INDEX}"),
)
_CARD = "network.json"
_Schema = Mapping[str, type[pl.DataType]]


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StageRecord(_Saved):
    """What one stage of the study made, kept from before, and how long it took [s]."""

    name: str
    seconds: float
    made: int
    reused: int


class Manifest(_Saved):
    """How, when and with what the study was run; ``trainings`` holds centre and deviation of what networks saw.

    ``kind`` separates a study from the scores of one network that was made elsewhere, whose training may be unknown.
    """

    kind: Literal["study", "own network"] = "study"
    name: str
    temshift: str
    created: str
    versions: dict[str, str]
    seed: int
    platform: str
    device: str
    workers: int
    stages: tuple[StageRecord, ...]
    database: dict[str, Any]
    networks: int
    parameters: tuple[int, ...]
    failed: int = 0
    trainings: dict[str, dict[str, tuple[float | None, float]]] = {}


class ModelError(_Saved):
    """Errors of one prediction of a score; ``None`` where a number does not exist. A baseline knows no transfer."""

    name: str
    description: str
    in_sample: bool = False
    baseline: bool = False
    r2_left_out_test: float | None = None
    r2_left_out_training: float | None = None
    r2_left_out_both: float | None = None
    rmse_left_out_test: float | None = None
    rmse_left_out_training: float | None = None
    rmse_left_out_both: float | None = None
    r2_in_sample: float | None = None
    rmse_in_sample: float | None = None


class IntervalRecord(_Saved):
    """How often intervals held on conditions left out whole, and half their typical width, as scores are fitted."""

    level: float
    conditions: int
    half_width: float
    covered_test: float
    covered_training: float | None = None


class TrialRecord(_Saved):
    """A term that was tried: what it takes away of the mean squared error left out, with standard errors."""

    feature: str
    gains: dict[str, float]
    errors: dict[str, float]
    taken: bool


class ScorePrediction(_Saved):
    """The fitted formula of one score, and its errors; ``why_not`` gives the reason if there is no formula."""

    formula: str | None
    coefficients: dict[str, float]
    cells: int
    models: tuple[ModelError, ...]
    interval: IntervalRecord | None = None
    trials: tuple[TrialRecord, ...] = ()
    why_not: str | None = None


class Prediction(ScorePrediction):
    """That of ln(cross-entropy), that of F1 where there is one, and caveats."""

    caveats: tuple[str, ...]
    f1: ScorePrediction | None = None


class _ExampleNames(_Saved):
    conditions: tuple[str, ...]
    specimens: tuple[str, ...]
    networks: tuple[str, ...]
    sampling_angstrom: float


@dataclass(frozen=True)
class Examples:
    """A few micrographs, their masks and what a few networks made of them.

    Parameters
    ----------
    images : ndarray (specimen, condition, y, x)
        Micrographs, each of mean 0 and variance 1.
    masks : ndarray (specimen, condition, y, x)
        True masks, 0 or 1; errors of the pixel size make them differ between conditions.
    probabilities : ndarray (network, specimen, condition, y, x)
        Predicted probability of particle.
    specimens, conditions, networks : tuple of str
        Names along those axes.
    sampling : float
        Pixel size [A].
    """

    images: NDArray[np.float32]
    masks: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    specimens: tuple[str, ...]
    conditions: tuple[str, ...]
    networks: tuple[str, ...]
    sampling: float


@dataclass(frozen=True)
class StudyTables:
    """All that the page draws from: tables, pictures and the text of study.yaml."""

    name: str
    configuration: str
    manifest: Manifest
    results: pl.DataFrame
    metrics: pl.DataFrame
    transfer: pl.DataFrame
    prediction: Prediction
    examples: Examples
    histories: Mapping[str, pl.DataFrame]
    galleries: tuple[Gallery, ...] = ()


def _silent(_: str) -> None:
    pass


def load_study(folder: Path | str, remark: Callable[[str], None] = _silent) -> StudyTables:
    """Load the tables and pictures of a finished study.

    Parameters
    ----------
    folder : path
        The study folder that ``temshift run`` made.
    remark : callable
        Called with a sentence on each file that no record vouches for, or that is missing and can be done without.

    Returns
    -------
    StudyTables
        Checked: every file is as its record says, and every column and array is there, of its type and shape.

    Raises
    ------
    TemshiftError
        If the folder or one of its files is missing or damaged; the text names the file and the remedy.
    """
    folder = Path(folder)
    _require(folder, folder.is_dir(), "there is no such folder")
    _require_vouched(folder, remark)
    manifest = _model(folder / "manifest.json", Manifest)
    own = manifest.kind == "own network"
    results = _table(folder / "results.parquet", RESULTS, needed=not own).filter("in_study")
    metrics = _table(folder / "metrics.parquet", METRICS, needed=not own)
    if own:
        results, metrics = results.with_columns(_SEED_OF_OWN, _NAME_OF_OWN), metrics.with_columns(_NAME_OF_OWN)
    return StudyTables(
        name=manifest.name,
        configuration=_text(folder / ("conditions.yaml" if own else "study.yaml")),
        manifest=manifest,
        results=results,
        metrics=metrics,
        transfer=_table(folder / "transfer.parquet", TRANSFER),
        prediction=_model(folder / "prediction.json", Prediction),
        examples=_examples(folder / "examples"),
        histories={} if own else _histories(folder / "networks", _with_curves(results), remark),
        galleries=_galleries(folder / "examples"),
    )


def _require_vouched(folder: Path, remark: Callable[[str], None]) -> None:
    """Verify all that is drawn by the record of the study's conclusion, as far as it is there."""
    texts = [name for name in ("study.yaml", "conditions.yaml") if (folder / name).exists()]
    try:
        unnamed = verify_named(folder / _RECORD, [*_DRAWN, *texts])
    except InputError:
        remark(f"{folder / _RECORD} is missing: nothing vouches for the tables that were drawn; {_REMEDY}")
    except DamagedError as error:
        raise _damaged(folder, error) from error
    else:
        there = [name for name in unnamed if (folder / name).exists()]
        if there:
            remark(f"an earlier version wrote {folder / _RECORD}: nothing vouches for {', '.join(there)}")


def _require(path: Path, condition: bool, fault: str) -> None:
    if not condition:
        raise TemshiftError(f"{path}: {fault}; {_REMEDY}, which makes what is missing")


def _existing(path: Path) -> Path:
    _require(path, path.is_file(), "there is no such file")
    return path


def _text(path: Path) -> str:
    try:
        return _existing(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DamagedError:
    fault = str(error) if isinstance(error, DamagedError) else f"{path} is damaged: {error}"
    return DamagedError(f"{fault}; {_REMEDY}, which makes it again")


_Model = TypeVar("_Model", bound=_Saved)


def _model(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(read_json(_existing(path)))
    except (ValidationError, DamagedError) as error:
        raise _damaged(path, error) from error


def _table(path: Path, schema: _Schema, *, needed: bool = True) -> pl.DataFrame:
    """Load a table and check its columns; where ``needed``, also that no number is missing that may not be."""
    try:
        frame = with_later_columns(read_table(_existing(path)))
        frame = frame.with_columns(pl.lit(None).alias(name) for name in _ADDED & set(schema) - set(frame.columns))
        missing = [column for column in schema if column not in frame.columns]
        _require(path, not missing, f"it lacks the columns {', '.join(missing)}")
        _require(path, frame.height > 0, "it has no rows")
        chosen = frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).fill_nan(None)
    except (pl.exceptions.PolarsError, DamagedError) as error:
        raise _damaged(path, error) from error
    holes = [name for name in schema if needed and name in _NEVER_MISSING and chosen[name].null_count()]
    _require(path, not holes, f"numbers are missing in {', '.join(holes)}")
    return chosen


def _examples(folder: Path) -> Examples:
    names = _model(folder / "examples.json", _ExampleNames)
    path = _existing(folder / "examples.npz")
    images, masks, probabilities = _arrays(path)
    counts = len(names.networks), len(names.specimens), len(names.conditions)
    plane = masks.shape[2:]
    _require(path, len(plane) == 2 and masks.shape == (*counts[1:], *plane), f"masks has shape {masks.shape}")
    _require(path, images.shape == masks.shape, f"images has shape {images.shape}")
    _require(path, probabilities.shape == (*counts, *plane), f"probabilities has shape {probabilities.shape}")
    finite = bool(np.isfinite(images).all() and np.isfinite(probabilities).all())
    _require(path, finite, "it holds values that are no finite numbers")
    return Examples(
        images.astype(np.float32),
        (masks > 0).astype(np.uint8),
        probabilities.astype(np.float32),
        names.specimens,
        names.conditions,
        names.networks,
        names.sampling_angstrom,
    )


def _galleries(folder: Path) -> tuple[Gallery, ...]:
    try:
        return load_galleries(folder)
    except DamagedError as error:
        raise _damaged(folder, error) from error


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return stored["images"], stored["masks"], stored["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, error) from error


def _with_curves(results: pl.DataFrame) -> list[str]:
    """Networks whose learning curves are drawn: of the first training distributions, the first seeds."""
    networks = results.unique("network_id", maintain_order=True)
    names = networks["training_name"].unique(maintain_order=True)[:_MOST_LEARNING_FIGURES]
    chosen = networks.filter(pl.col("training_name").is_in(names.to_list()))
    return chosen.group_by("training_name", maintain_order=True).head(_MOST_CURVES)["network_id"].to_list()


def _histories(folder: Path, networks: Iterable[str], remark: Callable[[str], None]) -> dict[str, pl.DataFrame]:
    paths = {network: folder / network / "history.parquet" for network in sorted(networks)}
    absent = [path for path in paths.values() if not _is_there(path)]
    if absent:
        remark(f"{len(absent)} learning curves are not drawn, since files such as {absent[0]} are missing; {_REMEDY}")
    return {network: _table(path, HISTORY) for network, path in paths.items() if path not in absent}


def _is_there(history: Path) -> bool:
    """Whether a network's history is there, which its record has to vouch for if there is one."""
    try:
        verify_named(history.with_name(_CARD), [history.name])
    except InputError:
        return history.is_file()
    except DamagedError as error:
        raise _damaged(history, error) from error
    return history.is_file()
