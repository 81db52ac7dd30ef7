"""A network is asked on the pixels and specimens that it was trained on, or it is said that it is not."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from temshift.core.errors import InputError
from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, ExitWaveSettings, StoreLayout, create_store, write_shard
from temshift.exitwaves.origin import Origin, origin_of
from temshift.exitwaves.sources import WaveSource, wave_sources
from temshift.micrographs.formation import resampled_masks
from temshift.optics.settings import EXACT
from temshift.scoring import score
from temshift.scoring.evaluation import ask
from temshift.scoring.reading import Reading
from temshift.scoring.scoring_conditions import scoring_conditions

DEFAULT = {"dose_e_per_A2": 1e4, "semiangle_cutoff_mrad": 8.0, "defocus_nm": 10}
WANTED = {"default": DEFAULT, "test": [{"name": "a"}, {"name": "b", "defocus_nm": -10}]}
TRAINED = {"training": [{"name": "a"}]}
RECIPE = {"particles": {"crystal": "Ag", "radius_nm": 1.0}, "substrate": {"thickness_nm": 2.0}}


def store_of(root: Path, shape: int, recipe: dict[str, Any], *, energy: float = 300, seed: int = 1) -> WaveSource:
    """Smooth discs in a cell of 12.8 A, on any pixels."""
    sampling = 12.8 / shape
    settings = ExitWaveSettings(energy_kev=energy, sampling_angstrom=sampling, slice_thickness_angstrom=2.0)
    store, layout = root / "waves" / "test", StoreLayout(4, 1, Grid((shape, shape), (sampling, sampling)), 2)
    facts = {"exit_waves": settings.identity(), "seed": seed, "specimens": recipe, "count": 4}
    create_store(store, layout, facts)
    y, x = torch.meshgrid(*[torch.arange(shape, dtype=torch.float64) * sampling] * 2, indexing="ij")
    for shard in range(layout.shards):
        waves = []
        for number in layout.specimens_of(shard):
            distance = torch.hypot(y - 5 - number * 0.7, x - 6.4)
            phase = 1.2 * torch.sigmoid((3.2 - distance) / 0.6)[None]
            wave = torch.exp(1j * phase).to(torch.complex64)
            waves.append(ExitWave(wave, (distance < 3.2).numpy(), {"specimen": number}))
        write_shard(store, shard, waves)
    return wave_sources(root)[0]


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> WaveSource:
    return store_of(tmp_path_factory.mktemp("fine"), 64, RECIPE)


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> WaveSource:
    return store_of(tmp_path_factory.mktemp("coarse"), 32, RECIPE, seed=2)


class Trained:
    """A network that knows the images that it was trained on."""

    def __init__(self, source: WaveSource | None, **changed: Any) -> None:
        known = None if source is None else origin_of(source.settings, source.layout.grid, EXACT)
        self.origin = known and known.model_copy(update=changed)
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return 3 * torch.nn.functional.avg_pool2d(images, 5, 1, 2, count_include_pad=False)


def test_other_pixels_are_refused_and_both_are_named(fine: WaveSource, coarse: WaveSource) -> None:
    network = Trained(coarse)
    with pytest.raises(InputError, match=r"trained on pixels of 0.4 A, .* pixels of 0.2 A; .*--resample.*--any-pixel"):
        score(network, fine.store, WANTED)
    assert not network.seen


def test_images_are_brought_to_the_pixels_of_the_network(fine: WaveSource, coarse: WaveSource) -> None:
    """Counts first, standardised afterwards: the scores are those of waves on the network's own pixels."""
    network = Trained(coarse)
    scores, own = score(network, fine.store, WANTED, resample=True), score(Trained(coarse), coarse.store, WANTED)
    assert {images.shape[-2:] for images in network.seen} == {(32, 32)}
    for images in network.seen:
        assert torch.allclose(images.mean((-2, -1)), torch.zeros(()), atol=1e-5)
        assert torch.allclose(images.var((-2, -1), correction=0), torch.ones(()), atol=1e-4)
    assert scores["f1"].to_list() == pytest.approx(own["f1"].to_list(), abs=0.02)
    assert scores["cross_entropy"].to_list() == pytest.approx(own["cross_entropy"].to_list(), rel=0.03)
    assert set(scores["test_id"]).isdisjoint(score(network, fine.store, WANTED, any_pixel=True)["test_id"])


def test_finer_pixels_and_binned_ones_are_reached_too(fine: WaveSource, coarse: WaveSource) -> None:
    network = Trained(fine)
    score(network, coarse.store, WANTED, resample=True)
    assert {images.shape[-2:] for images in network.seen} == {(64, 64)}
    binned = WANTED | {"imaging": {"camera": {"binning": 2}}}
    score(Trained(coarse), fine.store, binned)  # binned, the pixels are those of the network
    with pytest.raises(InputError, match=r"pixels of 0.2 A, .* pixels of 0.4 A"):
        score(Trained(fine), fine.store, binned)


def test_any_pixel_scores_it_as_it_is(fine: WaveSource, coarse: WaveSource) -> None:
    network = Trained(coarse)
    scores = score(network, fine.store, WANTED, any_pixel=True)
    assert {images.shape[-2:] for images in network.seen} == {(64, 64)}
    unknown = score(Trained(None), fine.store, WANTED)
    assert scores["cross_entropy"].equals(unknown["cross_entropy"])
    assert scores["test_id"].equals(unknown["test_id"])


def test_both_remedies_and_unknown_pixels_are_refused(fine: WaveSource) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        score(Trained(fine), fine.store, WANTED, resample=True, any_pixel=True)
    with pytest.raises(InputError, match="does not say which pixels it was trained on; leave --resample out"):
        score(Trained(None), fine.store, WANTED, resample=True)
    for pixel in ((0.01, 0.01), (0.2, 12.0)):
        with pytest.raises(InputError, match=r"an image of \(64, 64\) pixels would have \(.*is the pixel size of the"):
            score(Trained(fine, pixel_angstrom=pixel), fine.store, WANTED, resample=True)
    resampled = score(Trained(fine), fine.store, WANTED, resample=True)
    assert resampled.equals(score(Trained(fine), fine.store, WANTED))  # nothing to do


def test_pixels_that_differ_by_the_rounding_to_a_cell_are_the_same(fine: WaveSource) -> None:
    score(Trained(fine, pixel_angstrom=(0.202, 0.2)), fine.store, WANTED)
    with pytest.raises(InputError, match=r"pixels of 0.2 x 0.21 A, .* pixels of 0.2 A"):
        score(Trained(fine, pixel_angstrom=(0.2, 0.21)), fine.store, WANTED)


def test_in_distribution_is_on_the_networks_own_specimens_or_missing(
    fine: WaveSource, coarse: WaveSource, tmp_path: Path
) -> None:
    """The training conditions on other specimens are no in-distribution loss: G_OOD 0.000 would be made up."""
    conditions = WANTED | TRAINED
    own = score(Trained(fine), fine.store, conditions)
    assert own["g_ood"][0] == 0.0 and own["in_distribution_cross_entropy"].null_count() == 0
    for changed in (
        {"specimens": {**RECIPE, "particles": {"crystal": "Pt", "radius_nm": 1.0}}},
        {"specimens": {**RECIPE, "particles": {"crystal": "Ag", "radius_nm": 2.0}}},
        {"specimens": {**RECIPE, "substrate": {"thickness_nm": 5.0}}},
        {"energy_kev": 80.0},
        {"mask": {"definition": "phase"}},
        {"camera": {"binning": 1, "name": "another"}},
    ):
        foreign = score(Trained(fine, **changed), fine.store, conditions)
        assert foreign["g_ood"].null_count() == foreign["in_distribution_cross_entropy"].null_count() == 2
        assert foreign["cross_entropy"].equals(own["cross_entropy"])
        assert set(foreign["training_name"]) == {"a"}
    brought = score(Trained(coarse), fine.store, conditions, resample=True)
    assert brought["g_ood"].null_count() == 0
    other = score(Trained(coarse), fine.store, conditions, any_pixel=True)
    assert other["g_ood"].null_count() == 2


def test_an_older_card_names_its_waves_and_these_are_looked_for(fine: WaveSource, tmp_path: Path) -> None:
    """Nothing is refused, and G_OOD is there if the waves of the training lie in the same database."""
    conditions = scoring_conditions(WANTED | TRAINED)
    network = Trained(None)
    for database, foreign in ((fine.id, ()), ("0" * 16, ("database",)), (None, ())):
        network.origin = Origin(database=database)
        assert ask(network, fine, conditions, Reading()).foreign == foreign
    root = tmp_path / "study"
    other = store_of(tmp_path / "other", 64, RECIPE | {"margin_angstrom": 9})
    shutil.copytree(fine.store, root / "waves" / "test")
    shutil.copytree(other.store, root / "waves" / "training")
    network.origin = Origin(database=other.id)
    assert ask(network, wave_sources(root, "test")[0], conditions, Reading()).foreign == ("specimens.margin_angstrom",)


def test_the_origin_holds_pixels_energy_specimens_and_mask_and_no_places(fine: WaveSource) -> None:
    origin = origin_of(fine.settings, fine.layout.grid, EXACT)
    assert origin.pixel_angstrom == (0.2, 0.2) and origin.energy_kev == 300 and origin.specimens == RECIPE
    assert origin.mask is not None and origin.mask["definition"] == "outline"
    assert Origin.model_validate_json(origin.model_dump_json(exclude_none=True)) == origin
    files = origin_of(fine.settings | {"specimens": {"files": ["/home/me/a.xyz"]}}, fine.layout.grid, EXACT)
    assert "/home" not in json.dumps(files.model_dump(mode="json"))
    assert files.specimens is not None and files.specimens["files"] == 1


def test_masks_are_sampled_as_their_definition_samples_them() -> None:
    """A disc on finer pixels becomes the disc on coarser ones, and the other way round, up to its border."""

    def disc(size: int) -> Tensor:
        y, x = torch.meshgrid(*[torch.arange(size) * 12.8 / size] * 2, indexing="ij")
        return (torch.hypot(y - 6.4, x - 6.4) < 3.21)[None]

    assert torch.equal(resampled_masks(disc(64), (32, 32)), disc(32))
    assert torch.equal(resampled_masks(disc(64), (64, 64)), disc(64))
    for size, new in ((64, 48), (32, 64), (48, 32)):
        brought = resampled_masks(disc(size), (new, new))
        assert float(brought.double().mean()) == pytest.approx(math.pi * (3.21 / 12.8) ** 2, rel=0.06)
