"""Scores of anyone's network on a wave database, under any conditions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from temshift.conditions import ImagingConditions, summary
from temshift.conditions.summary import centers
from temshift.core import InputError, TemshiftError, content_hash
from temshift.execution import Progress, SilentProgress
from temshift.exitwaves import WaveSource, listed, wave_sources
from temshift.exitwaves.origin import foreign_to
from temshift.exitwaves.store import read_shards
from temshift.micrographs.formation import Batch, MicrographSource, Stream, form_micrographs
from temshift.optics.image_formation import wave_spectra
from temshift.optics.sums import band_margin
from temshift.scoring.dialects import read_any, require_same_energy
from temshift.scoring.reading import Gives, LogitsOf, Reading, image_shape, origin_of_network
from temshift.scoring.scored_images import images_id, images_stream
from temshift.scoring.scores import Network, PixelSums, Scores, batch_sums, scores_of
from temshift.scoring.scoring_conditions import AnyConditions, ScoringConditions, require_possible
from temshift.scoring.stability import with_stability
from temshift.vocabulary.columns import RESULTS

SCORING_BATCH = 32
LOADED_BYTES = 1e9  # of waves that are in memory at a time


def score(
    network: Network,
    database: Path | str,
    conditions: AnyConditions,
    *,
    set: str | None = "test",
    seed: int | None = None,
    device: str = "cpu",
    batch: int = SCORING_BATCH,
    progress: Progress | None = None,
    gives: Gives | None = None,
    channel: int | None = None,
    resample: bool = False,
    any_pixel: bool = False,
) -> pl.DataFrame:
    """Score any segmentation network on the specimens of a database, one image of each under every condition.

    Parameters
    ----------
    network : callable
        From standardised images (n, 1, y, x), float32 of mean 0 and variance 1 each, to logits of "particle" of the
        same shape. A module must be in evaluation mode and on ``device``.
        :func:`temshift.networks.load` and ``OnnxNetwork`` give networks that know the pixels and specimens that they
        were trained on.
    database : path
        Folder of a database, of a study, or of one set of waves.
    conditions : path, mapping or ScoringConditions
        Conditions to score under: a YAML file or a mapping in any dialect (:class:`ScoringConditions`, an image set, a
        study, the parameters of one distribution), or a mapping from names to
        :class:`temshift.conditions.ImagingConditions`.
    set : str, optional
        Name of the set of specimens in the database; None takes the only one.
    seed : int, optional
        Root of the draws of conditions and noise, in place of the seed of ``conditions``.
    device : str
        "cpu" or "cuda": where images are formed and handed to the network.
    batch : int
        Most images that the network is given at a time.
    progress : Progress, optional
        Hears of every condition; silent by default.
    gives : {"logits", "probability", "two-class"}, optional
        The meaning of the network's output. If it is left out these are logits, and an output that looks like
        probabilities is refused. "two-class" holds the particle's class against the others.
    channel : int, optional
        The channel of "particle", if the output has several.
    resample : bool
        Bring images to the pixels that the network was trained on: counts by their Fourier series, standardised
        afterwards; masks are sampled there, and scores are those on the network's pixels.
    any_pixel : bool
        Score the network on other pixels than those that it was trained on.

    Returns
    -------
    polars.DataFrame
        One row a test condition, in order, with the columns of :data:`temshift.vocabulary.columns.RESULTS`: scores, the
        centres of all settings (``test_defocus_nm``), and, if ``conditions`` name those that the network was trained
        on, their settings (``training_defocus_nm``), the cross-entropy there and G_OOD. Unknown values are null; so are
        those two if the specimens are other ones than those that the network was trained on.

    Raises
    ------
    InputError
        If conditions have faults, the set is not there or not finished, images can't be formed or have other pixels
        than the network's, or its output looks like probabilities.
    TemshiftError
        If the network gives something else than one logit a pixel, or logits that are no numbers.

    Examples
    --------
    >>> conditions = {"test": [{"name": "focus", "defocus_nm": 0, "dose_e_per_A2": 400}]}
    >>> score(lambda images: images, "no-database", conditions)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    temshift.core.errors.InputError: no-database holds no exit waves; ...
    """
    scoring, energy_kev = read_any(conditions)
    scoring = scoring if seed is None else scoring.model_copy(update={"seed": seed})
    source = wave_source(database, set)
    require_same_energy(energy_kev, source.exit_waves.energy)
    reading = Reading(gives=gives, channel=channel, resample=resample, any_pixel=any_pixel)
    asked = ask(network, source, scoring, reading)
    waves = OpenedWaves(source, scoring, device, asked.shape)
    scores = score_conditions(asked, waves, scoring, batch=batch, progress=progress)
    return result_rows(scoring, source, scores, asked)


@dataclass(frozen=True)
class Asked:
    """A network and the images that it is scored on.

    Attributes
    ----------
    network : LogitsOf
        From images to logits.
    shape : tuple of int or None
        Pixels (y, x) that images are brought to; None if they stay as they are.
    foreign : tuple of str
        Keys in which the images differ from those that the network was trained on, as far as they are known.
    """

    network: LogitsOf
    shape: tuple[int, int] | None
    foreign: tuple[str, ...]


def ask(network: Network, source: WaveSource, scoring: ScoringConditions, reading: Reading) -> Asked:
    """Settle how a network is asked for logits on some waves.

    Raises
    ------
    InputError
        If the network is in training mode, its output can't be read so, or it was trained on other pixels.
    """
    require_possible(scoring, source)
    _require_evaluation_mode(network)
    origin, logits = origin_of_network(network), LogitsOf(network, reading)
    shape = image_shape(origin, scoring.imaging.image_grid(source.layout.grid), reading)
    foreign = foreign_to(origin, source, scoring.imaging, resampled=shape is not None)
    return Asked(logits, shape, tuple(foreign))


_Loaded = tuple[range, MicrographSource]  # numbers of specimens, and their waves with masks


class OpenedWaves:
    """The waves of a set for some conditions: the first specimens can be looked at before all are taken, once.

    Parameters
    ----------
    source : WaveSource
        The set.
    scoring : ScoringConditions
        Conditions that images are to be formed under.
    device : str
        Where images are formed.
    shape : tuple of int, optional
        Pixels (y, x) that images are brought to.
    """

    def __init__(
        self, source: WaveSource, scoring: ScoringConditions, device: str, shape: tuple[int, int] | None = None
    ) -> None:
        self.source = source
        self._rest = _loaded_waves(source, scoring, device, shape)
        self._first: list[_Loaded] = []

    @property
    def first(self) -> _Loaded:
        """The first specimens, which stay in memory until all are taken."""
        if not self._first:
            self._first.append(next(self._rest))
        return self._first[0]

    def every(self) -> Iterator[_Loaded]:
        """Yield all specimens, some at a time; nothing here keeps those that were yielded."""
        if self._first:
            yield self._first.pop()
        yield from self._rest


def wave_source(database: Path | str, name: str | None) -> WaveSource:
    """Find one set of specimens.

    Raises
    ------
    InputError
        If it is not there, not finished, or not the only one and none is named.
    """
    place = Path(database)
    sources = wave_sources(place, None if (place / "zarr.json").exists() else name)
    if len(sources) > 1:
        names = listed(source.words for source in sources)
        raise InputError(f"{place} holds several sets, {names}; name one as set")
    return sources[0]


def score_conditions(
    asked: Asked,
    waves: OpenedWaves,
    scoring: ScoringConditions,
    *,
    batch: int = SCORING_BATCH,
    progress: Progress | None = None,
) -> dict[str, Scores]:
    """Score a network under every distribution of conditions, that of its training too; see `score`.

    All of the waves are taken.

    Returns
    -------
    dict of str to Scores
        By the hash of the distribution.
    """
    every = _distinct(scoring)
    sums: dict[str, list[PixelSums]] = {id_: [] for id_ in every}
    progress = progress or SilentProgress()
    progress.start("images", waves.source.layout.count * len(every), 0)
    for numbers, loaded in waves.every():
        for id_, (name, conditions) in every.items():
            for batch_ in _batches(loaded, conditions, numbers, batch, images_stream(id_, scoring.seed)):
                sums[id_].append(_checked_sums(asked.network, name, batch_))
                progress.advance(len(batch_[0]))
    progress.finish()
    return {id_: scores_of(parts) for id_, parts in sums.items()}


def require_readable(asked: Asked, waves: OpenedWaves, scoring: ScoringConditions) -> None:
    """Let a network segment one batch, so that faults of its output show before anything is written.

    Raises
    ------
    TemshiftError
        If its output can't be read as logits.
    """
    id_, (name, conditions) = next(iter(_distinct(scoring).items()))
    numbers, loaded = waves.first
    batches = _batches(loaded, conditions, numbers, SCORING_BATCH, images_stream(id_, scoring.seed))
    _checked_sums(asked.network, name, next(batches))


def result_rows(
    scoring: ScoringConditions, source: WaveSource, scores: Mapping[str, Scores], asked: Asked
) -> pl.DataFrame:
    """Make one row a test condition of the scores of `score_conditions`, as `score` returns them."""
    training = _training_columns(scoring, scores)
    if asked.foreign:  # there is no loss in distribution on specimens that the network does not know
        training.pop("in_distribution_cross_entropy", None)
    inside = training.get("in_distribution_cross_entropy")
    rows = []
    for name, conditions in scoring.tests.items():
        id_ = content_hash(conditions)
        images = images_id(source.id, id_, scoring.imaging, scoring.seed)
        test = {"test_name": name, "test_id": images if asked.shape is None else content_hash([images, asked.shape])}
        outside = None if inside is None else scores[id_].cross_entropy - inside
        rows.append({**vars(scores[id_]), **training, **test, "g_ood": outside, **centers("test", conditions)})
    return results_table(with_stability(pl.DataFrame(rows, schema_overrides=RESULTS)))


def results_table(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with all columns of results, in their order; those that they lack are null."""
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, kind()).alias(name) for name, kind in RESULTS.items()
    )


def _distinct(scoring: ScoringConditions) -> dict[str, tuple[str, ImagingConditions]]:
    """Each distribution once, with its first name, by its hash."""
    distinct: dict[str, tuple[str, ImagingConditions]] = {}
    for name, conditions in scoring.every:
        distinct.setdefault(content_hash(conditions), (name, conditions))
    return distinct


def _training_columns(scoring: ScoringConditions, scores: Mapping[str, Scores]) -> dict[str, Any]:
    if scoring.trained_on is None:
        return {}
    name, conditions = scoring.trained_on
    inside = scores[content_hash(conditions)].cross_entropy
    return {"in_distribution_cross_entropy": inside, **training_settings(name, conditions)}


def training_settings(name: str, conditions: ImagingConditions) -> dict[str, Any]:
    """Return the columns of a row on the training of a network."""
    spread = summary(conditions)["defocus_nm"].sd
    return {"training_name": name, **centers("training", conditions), "training_defocus_sd_nm": spread}


def _require_evaluation_mode(network: Network) -> None:
    if isinstance(network, nn.Module) and network.training:
        raise InputError("network is in training mode, where scores depend on the batch; call network.eval() first")


def widest_semiangle(source: WaveSource, scoring: ScoringConditions) -> float:
    """Return the widest aperture of any condition, at most that of the waves [rad]."""
    return min(source.widest_semiangle, max(one.widest_semiangle for _, one in scoring.every))


def _loaded_waves(
    source: WaveSource, scoring: ScoringConditions, device: str, shape: tuple[int, int] | None = None
) -> Iterator[_Loaded]:
    """Yield the numbers of some specimens with their waves and masks, as many as :data:`LOADED_BYTES` allow."""
    semiangle = widest_semiangle(source, scoring)
    margin = band_margin(max(one.highest("angular_spread_sigma") for _, one in scoring.every))
    layout = source.layout
    at_once = max(1, int(LOADED_BYTES / (layout.specimen_bytes * layout.per_shard)))
    for first in range(0, layout.shards, at_once):
        shards = range(first, min(first + at_once, layout.shards))
        waves, masks = _joined(source.store, shards, device)
        spectra = wave_spectra(waves, layout.grid, source.exit_waves.energy, semiangle, margin)
        numbers = range(layout.specimens_of(shards[0]).start, layout.specimens_of(shards[-1]).stop)
        yield numbers, MicrographSource(spectra, masks, scoring.imaging, shape)


def _joined(store: Path, shards: Iterable[int], device: str) -> tuple[Tensor, Tensor]:
    loaded = list(read_shards(store, shards))
    waves, masks = ([getattr(shard, name) for shard in loaded] for name in ("waves", "masks"))
    return torch.cat(waves).to(device), torch.cat(masks).to(device)


def _batches(
    loaded: MicrographSource, conditions: ImagingConditions, numbers: range, batch: int, stream: Stream
) -> Iterator[Batch]:
    for start in range(0, len(numbers), batch):
        places = np.arange(start, min(start + batch, len(numbers)))
        yield form_micrographs(loaded, conditions, places, (places + numbers.start).tolist(), stream)


def _checked_sums(network: Network, name: str, batch: Batch) -> PixelSums:
    """Sum over the pixels of a batch; logits that are no numbers are refused."""
    (sums,) = batch_sums([network], batch)
    if sums.cross_entropy.isnan().any():
        raise TemshiftError(f"the network gives logits that are no numbers under {name!r}; look at its weights")
    return sums
