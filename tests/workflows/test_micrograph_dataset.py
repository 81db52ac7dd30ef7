"""MicrographDataset: the images that temshift itself trains and scores on, in any DataLoader, repeatable."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from temshift.conditions import ImagingConditions
from temshift.core.errors import DamagedError, InputError
from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, ExitWaveSettings, StoreLayout, create_store, write_shard
from temshift.exitwaves.store import read_waves
from temshift.micrographs import MicrographSource, Stream, training_batches
from temshift.optics import wave_spectra
from temshift.optics.settings import ImagingSettings
from temshift.scoring import score
from temshift.scoring.scored_images import TRAINING
from temshift.storage.files import write_text
from temshift.workflows import MicrographDataset

SIDE, SAMPLING = 32, 0.4
COUNTS = {"training": 6, "test": 4}
MANY = "ignore:This DataLoader will create"  # more workers than the machine has cores
GIVEN = {
    "defocus_nm": {"normal": {"mean": -10, "sd": 2}},
    "dose_e_per_A2": 400,
    "semiangle_cutoff_mrad": 12,
    "focal_spread_sigma_nm": 1,
    "C12a_nm": {"uniform": {"minimum": 1, "maximum": 2}},
}
COPIES: list[Callable[[MicrographDataset], MicrographDataset]] = [
    copy.deepcopy,
    lambda dataset: pickle.loads(pickle.dumps(dataset)),
]
FILE = """
seed: 7
default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12}
training: [{name: near, defocus_nm: -10}]
test: [{name: far, defocus_nm: 20}, {name: near too, defocus_nm: -12}]
"""


def phase_object(seed: int, number: int, sampling: float) -> ExitWave:
    """A disc of its own radius in noise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = np.hypot(y - 16, x - 16) < 5 + number
    phase = np.random.default_rng([seed, number]).normal(0, 0.2, mask.shape) + mask
    return ExitWave(torch.polar(torch.ones(1, SIDE, SIDE), torch.from_numpy(phase)[None].float()), mask, {})


def store(folder: Path, seed: int, count: int, sampling: float = SAMPLING) -> None:
    layout = StoreLayout(count, 1, Grid((SIDE, SIDE), (sampling, sampling)), 2)
    exit_waves = ExitWaveSettings(energy_kev=300, sampling_angstrom=sampling, slice_thickness_angstrom=2.0)
    create_store(folder, layout, {"exit_waves": exit_waves.identity(), "seed": seed})
    for shard in range(layout.shards):
        write_shard(folder, shard, [phase_object(seed, number, sampling) for number in layout.specimens_of(shard)])


def fill(root: Path) -> Path:
    for seed, (name, count) in enumerate(COUNTS.items()):
        store(root / "waves" / name, seed, count)
    return root


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that no test changes."""
    return fill(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def own_waves(tmp_path: Path) -> Path:
    """A database that a test may change."""
    return fill(tmp_path / "database")


@pytest.fixture
def conditions_file(tmp_path: Path) -> Path:
    path = tmp_path / "conditions.yaml"
    write_text(path, FILE)
    return path


def every(dataset: MicrographDataset, epoch: int = 0, **loading: Any) -> tuple[Tensor, ...]:
    """All images and masks of an epoch, through a DataLoader."""
    dataset.set_epoch(epoch)
    batches = list(DataLoader(dataset, batch_size=4, **loading))
    return tuple(torch.cat(part) for part in zip(*batches, strict=True))


def same(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> bool:
    return all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def own_batches(waves: Path, steps: int) -> tuple[Tensor, ...]:
    """The batches that temshift train makes of the same waves, seed 3."""
    stored = waves / "waves" / "training"
    spectra = wave_spectra(read_waves(stored), Grid((SIDE, SIDE), (SAMPLING, SAMPLING)), 300e3, 12e-3)
    masks = torch.stack([torch.from_numpy(phase_object(0, number, SAMPLING).mask) for number in range(6)])
    source, conditions = MicrographSource(spectra, masks), ImagingConditions.model_validate(GIVEN)
    batches = training_batches(source, conditions, steps=steps, batch=6, stream=Stream(3, (TRAINING, 0)))
    images, masks = (torch.cat(part) for part in zip(*batches, strict=True))
    return images, masks.float()


def test_its_images_are_those_that_temshift_trains_on(waves: Path) -> None:
    dataset = MicrographDataset(waves, GIVEN, seed=3)
    shown = [every(dataset, epoch) for epoch in (0, 1)]
    assert same(tuple(torch.cat(part) for part in zip(*shown, strict=True)), own_batches(waves, 2))
    assert len(dataset) == 6 and dataset.epoch == 1


def test_images_are_standardised_and_masks_fit_a_loss(waves: Path) -> None:
    images, masks = every(MicrographDataset(waves, GIVEN))
    assert images.shape == masks.shape == (6, 1, SIDE, SIDE) and images.dtype == masks.dtype == torch.float32
    assert torch.allclose(images.mean((1, 2, 3)), torch.zeros(6), atol=1e-5)
    assert torch.allclose(images.var((1, 2, 3), correction=0), torch.ones(6), atol=1e-4)
    assert set(masks.unique().tolist()) == {0.0, 1.0}


def test_fixed_images_are_those_that_temshift_scores_on(waves: Path, conditions_file: Path) -> None:
    seen: list[Tensor] = []
    score(lambda images: seen.append(images) or 3 * images, waves, {"seed": 7, "test": [{"name": "a", **GIVEN}]})
    dataset = MicrographDataset(waves, GIVEN, set="test", fixed=True, seed=7)
    assert torch.equal(every(dataset)[0], torch.cat(seen))
    masks = [torch.from_numpy(phase_object(1, number, SAMPLING).mask) for number in range(4)]
    assert torch.equal(every(dataset)[1][:, 0] == 1, torch.stack(masks))


def test_fixed_images_stay_and_others_change_with_the_epoch(waves: Path) -> None:
    fixed, fresh = MicrographDataset(waves, GIVEN, fixed=True), MicrographDataset(waves, GIVEN)
    assert same(every(fixed, 0), every(fixed, 5))
    assert same(every(fresh, 5), every(fresh, 5))
    first, second = every(fresh, 0)[0], every(fresh, 1)[0]
    assert not any(torch.equal(a, b) for a in first for b in second)


def test_augmentation_of_fixed_images_changes_with_the_epoch(waves: Path) -> None:
    turned = MicrographDataset(waves, GIVEN, fixed=True, augmentation="dihedral")
    plain = every(MicrographDataset(waves, GIVEN, fixed=True))[0]
    first, second = every(turned, 0)[0], every(turned, 1)[0]
    assert not torch.equal(first, second)
    for image, origin in zip(first, plain, strict=True):
        symmetries = [torch.rot90(side, turns, (-2, -1)) for turns in range(4) for side in (origin, origin.flip(-1))]
        assert any(torch.equal(image, symmetry) for symmetry in symmetries)


def test_another_seed_gives_other_images(waves: Path) -> None:
    assert not torch.equal(*(every(MicrographDataset(waves, GIVEN, seed=seed))[0] for seed in (0, 1)))


@pytest.mark.parametrize("fixed", [False, True])
def test_longer_epochs_show_specimens_again_under_new_draws(waves: Path, fixed: bool) -> None:
    dataset = MicrographDataset(waves, GIVEN, length=12, fixed=fixed, metadata=True, augmentation="none")
    facts = [item[2] for item in dataset]
    specimens = [fact["specimen"] for fact in facts]
    assert sorted(specimens[:6]) == sorted(specimens[6:]) == list(range(6))
    assert len({fact["defocus_nm"] for fact in facts}) == 12


def test_metadata_are_the_conditions_drawn(waves: Path) -> None:
    dataset = MicrographDataset(waves, GIVEN, metadata=True)
    images, _, facts = next(iter(DataLoader(dataset, batch_size=6)))
    keys = {"specimen", "number", "defocus_nm", "dose_e_per_A2", "semiangle_cutoff_mrad", "focal_spread_sigma_nm"}
    assert set(facts) == keys | {"C12_nm", "phi12_deg"}
    assert facts["dose_e_per_A2"].tolist() == [400.0] * 6 and facts["number"].tolist() == list(range(6))
    assert float(facts["C12_nm"].min()) >= 1 and float(facts["C12_nm"].max()) <= 2
    again = {**GIVEN, "defocus_nm": float(facts["defocus_nm"][2]), "C12a_nm": float(facts["C12_nm"][2])}
    same_draw = MicrographDataset(waves, again)[2]
    assert torch.allclose(same_draw[0], images[2], atol=1e-3)


def test_masks_lie_on_the_pixels_of_the_camera(waves: Path) -> None:
    image, mask = MicrographDataset(waves, GIVEN, imaging={"camera": {"binning": 2}})[0]
    assert image.shape == mask.shape == (1, 16, 16)
    dataset = MicrographDataset(waves, GIVEN, imaging=ImagingSettings.model_validate({"camera": {"binning": 2}}))
    assert torch.equal(dataset[0][0], image)
    assert dataset.origin.pixel_angstrom == (0.8, 0.8)


def test_indices(waves: Path) -> None:
    dataset = MicrographDataset(waves, GIVEN)
    whole = every(dataset)
    assert same(dataset[-1], tuple(part[5] for part in whole))
    assert same(dataset[np.int64(2)], tuple(part[2] for part in whole))
    assert [same(item, dataset[place]) for place, item in enumerate(dataset)] == [True] * 6
    batch = dataset.__getitems__([4, 0, -1])
    assert all(same(item, dataset[place]) for item, place in zip(batch, (4, 0, 5), strict=True))
    assert dataset.__getitems__([]) == []
    for index in (6, -7):
        with pytest.raises(IndexError, match=f"index {index} of 6 images; must be -6 to 5"):
            dataset[index]
    with pytest.raises(TypeError):
        dataset[1.0]  # type: ignore[index]


def test_threads_change_nothing_and_stay(waves: Path) -> None:
    dataset = MicrographDataset(waves, GIVEN)
    expected, before = every(dataset), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert same(every(MicrographDataset(waves, GIVEN)), expected)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_global_draws_are_left_alone(waves: Path) -> None:
    before = torch.get_rng_state()
    MicrographDataset(waves, GIVEN)[0]
    assert torch.equal(torch.get_rng_state(), before)


def workers_agree(dataset: MicrographDataset, start: str, workers: int) -> bool:
    """Whether two epochs in workers that stay alive are those of this process, to the bit."""
    loader = DataLoader(
        dataset, batch_size=2, num_workers=workers, multiprocessing_context=start, persistent_workers=True
    )
    agreed = []
    for epoch in (0, 3):
        dataset.set_epoch(epoch)
        agreed.append(same(tuple(torch.cat(part) for part in zip(*loader, strict=True)), every(dataset, epoch)))
    return agreed == [True, True]


@pytest.mark.filterwarnings(MANY)
@pytest.mark.parametrize("workers", [1, 4])
def test_forked_workers_give_the_same_bits_epoch_after_epoch(waves: Path, workers: int) -> None:
    assert workers_agree(MicrographDataset(waves, GIVEN), "fork", workers)


@pytest.mark.slow
@pytest.mark.timeout(600)  # five processes import torch, on a machine that may be busy
@pytest.mark.filterwarnings(MANY)
@pytest.mark.parametrize("workers", [1, 4])
def test_spawned_workers_give_the_same_bits_epoch_after_epoch(waves: Path, workers: int) -> None:
    assert workers_agree(MicrographDataset(waves, GIVEN), "spawn", workers)


def test_workers_that_end_with_each_epoch_see_the_new_one(waves: Path) -> None:
    dataset = MicrographDataset(waves, GIVEN)
    epochs = [every(dataset, epoch, num_workers=2, multiprocessing_context="fork") for epoch in (0, 1)]
    assert [same(epochs[epoch], every(dataset, epoch)) for epoch in (0, 1)] == [True, True]


@pytest.mark.parametrize("copied", COPIES)
def test_workers_of_a_copy_see_its_epoch(waves: Path, copied: Callable[[MicrographDataset], MicrographDataset]) -> None:
    assert workers_agree(copied(MicrographDataset(waves, GIVEN)), "fork", 1)


@pytest.mark.parametrize("copied", COPIES)
def test_copies_are_small_and_give_the_same(
    waves: Path, copied: Callable[[MicrographDataset], MicrographDataset]
) -> None:
    dataset = MicrographDataset(waves, GIVEN, seed=2, metadata=True)
    dataset.set_epoch(4)
    twin = copied(dataset)
    assert len(pickle.dumps(dataset)) < 10_000 and twin.epoch == 4
    assert same(twin[1][:2], dataset[1][:2]) and twin[1][2] == dataset[1][2]
    twin.set_epoch(5)
    assert dataset.epoch == 4
    assert repr(twin) == f"MicrographDataset(6 images of {waves / 'waves' / 'training'}, new in every epoch, seed 2)"


def test_a_pickle_survives_another_folder(waves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(waves)
    dataset = MicrographDataset(".", GIVEN)
    kept = pickle.dumps(dataset)
    monkeypatch.chdir(tmp_path)
    assert same(pickle.loads(kept)[0], dataset[0])


def test_a_network_learns_in_a_plain_loop(waves: Path) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 5, padding=2)
    optimiser, criterion = torch.optim.Adam(network.parameters(), lr=3e-2), nn.BCEWithLogitsLoss()
    losses = []
    for images, masks in DataLoader(MicrographDataset(waves, GIVEN, length=480), batch_size=16):
        loss = criterion(network(images), masks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:2])


def test_a_file_gives_conditions_seed_and_imaging(waves: Path, conditions_file: Path) -> None:
    dataset = MicrographDataset(waves, conditions_file)
    assert dataset.seed == 7 and dataset.conditions.centers()["defocus_nm"] == -10
    far = MicrographDataset(waves, str(conditions_file), condition="far", seed=1)
    assert far.seed == 1 and far.conditions.centers()["defocus_nm"] == 20
    write_text(conditions_file, f"imaging: {{camera: {{binning: 2}}}}\n{FILE}")
    assert MicrographDataset(waves, conditions_file)[0][0].shape == (1, 16, 16)
    write_text(conditions_file, "{defocus_nm: -4, dose_e_per_A2: 400}")
    assert MicrographDataset(waves, conditions_file).seed == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conditions": {**GIVEN, "defocus": 3}}, "defocus: unknown key; .*nearest: 'defocus_nm'"),
        ({"conditions": {"defocus_nm": -10}}, "dose_e_per_A2 missing"),
        ({"conditions": {**GIVEN, "dose_e_per_A2": object()}}, "conditions: .*not JSON serializable; give a mapping"),
        ({"conditions": 3}, "conditions: 'int' object is not iterable; give a mapping of the keys that a file has"),
        ({"conditions": {**GIVEN, "semiangle_cutoff_mrad": 40}}, "can't be formed so:\n  conditions: .*at most"),
        ({"conditions": {**GIVEN, "focal_spread_sigma_nm": 900}}, "conditions: .*no aperture is narrow enough; take a"),
        ({"conditions": "nothing.yaml"}, "cannot read nothing.yaml"),
        ({"condition": "far"}, "condition 'far' names one of a file"),
        ({"set": "validation"}, "holds no set 'validation'; it has test, training"),
        ({"set": None}, "holds several sets, test, training; name one as set"),
        ({"imaging": {"camera": {"binning": 5}}}, r"imaging\.camera\.binning: 5 does not divide"),
        ({"imaging": {"camera": {"bining": 2}}}, "nearest: 'binning'"),
        ({"augmentation": "shift"}, "augmentation: given 'shift'; must be one of dihedral_shift, dihedral, none"),
        ({"length": 0}, "length: given 0; must be 1 or more"),
        ({"length": 2.5}, "length: given 2.5; must be a whole number, 1 or more"),
        ({"seed": -1}, "seed: given -1; must be 0 or more"),
    ],
)
def test_faults_are_named_with_their_remedy(waves: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MicrographDataset(waves, **{"conditions": GIVEN, **settings})


def test_a_study_folder_names_its_sets_by_their_role(own_waves: Path) -> None:
    expected = MicrographDataset(own_waves, GIVEN)[0]
    (own_waves / "waves" / "training").rename(own_waves / "waves" / "0a1b")
    write_text(own_waves / "manifest.json", '{"database": {"training": {"id": "0a1b"}}}')
    assert same(MicrographDataset(own_waves, GIVEN)[0], expected)


def test_several_conditions_need_a_name(waves: Path, conditions_file: Path) -> None:
    with pytest.raises(InputError, match="has no condition 'fare'; .*far"):
        MicrographDataset(waves, conditions_file, condition="fare")
    write_text(conditions_file, FILE.replace("training:", "# "))
    with pytest.raises(InputError, match="several conditions to train on, 'far', 'near too'; name one as condition"):
        MicrographDataset(waves, conditions_file)
    write_text(conditions_file, "{seed: 0, energy_kev: 200, conditions: [{name: a, defocus_nm: 1, dose_e_per_A2: 9}]}")
    with pytest.raises(InputError, match="given 200 keV, but the waves are of 300 keV; give 300"):
        MicrographDataset(waves, conditions_file)


def test_images_that_are_not_square_are_not_turned(database: Path) -> None:
    with pytest.raises(InputError, match="augmentation: turns images, and these have .* pixels; take none"):
        MicrographDataset(database, GIVEN)
    image, mask = MicrographDataset(database, GIVEN, augmentation="none")[0]
    assert image.shape == mask.shape and image.shape[1] != image.shape[2]


def test_epochs_count_from_0(waves: Path) -> None:
    with pytest.raises(InputError, match="epoch: given -1; must be 0 or more"):
        MicrographDataset(waves, GIVEN).set_epoch(-1)


def test_folders_without_waves_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no exit waves; name one that temshift simulate or temshift run"):
        MicrographDataset(tmp_path, GIVEN)


def test_stores_of_another_version_are_refused(own_waves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temshift.exitwaves.store.STORE_VERSION", 2)
    with pytest.raises(InputError, match="is a wave store of version 1; this temshift reads version 2: simulate it"):
        MicrographDataset(own_waves, GIVEN)


def test_altered_waves_are_refused(own_waves: Path) -> None:
    chunk = next(path for path in (own_waves / "waves" / "training" / "waves" / "c").rglob("*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(DamagedError, match="shard . .* is damaged"):
        MicrographDataset(own_waves, GIVEN)


def test_a_pickle_refuses_other_waves_in_its_folder(own_waves: Path) -> None:
    kept = pickle.dumps(MicrographDataset(own_waves, GIVEN))
    place = own_waves / "waves" / "training"
    place.rename(own_waves / "before")
    store(place, 9, 6)
    with pytest.raises(InputError, match="holds other waves than when this dataset was made; make the dataset again"):
        pickle.loads(kept)[0]
    assert MicrographDataset(own_waves, GIVEN)[0][0].shape == (1, SIDE, SIDE)


def test_drawn_phonons_are_those_that_training_draws(tmp_path: Path) -> None:
    """Two configurations of a specimen; with one there is nothing to draw from, and other words mean nothing."""
    layout = StoreLayout(2, 2, Grid((SIDE, SIDE), (SAMPLING, SAMPLING)), 2)
    exit_waves = ExitWaveSettings(energy_kev=300, sampling_angstrom=SAMPLING, slice_thickness_angstrom=2.0)
    create_store(tmp_path / "two", layout, {"exit_waves": exit_waves.identity(), "seed": 0})
    waves = [torch.cat([phase_object(seed, number, SAMPLING).waves for seed in (1, 2)]) for number in range(2)]
    masks = [phase_object(1, number, SAMPLING).mask for number in range(2)]
    each = [ExitWave(wave, mask, {}) for wave, mask in zip(waves, masks, strict=True)]
    write_shard(tmp_path / "two", 0, each)
    dataset = MicrographDataset(tmp_path / "two", GIVEN, set=None, seed=3, length=8, phonons="drawn")
    spectra = wave_spectra(torch.stack(waves), layout.grid, 300e3, 12e-3)
    source = MicrographSource(spectra, torch.from_numpy(np.stack(masks)), phonons="drawn")
    (batch,) = training_batches(source, dataset.conditions, steps=1, batch=8, stream=Stream(3, (TRAINING, 0)))
    assert torch.equal(every(dataset)[0], batch[0])
    averaged = MicrographDataset(tmp_path / "two", GIVEN, set=None, seed=3, length=8)
    assert not torch.equal(every(averaged)[0], batch[0])
    with pytest.raises(InputError, match="phonons: given 'one'; must be one of averaged, drawn"):
        MicrographDataset(tmp_path / "two", GIVEN, set=None, phonons="one")
    store(tmp_path / "one", 1, 2)
    with pytest.raises(InputError, match="phonons: drawn, but waves have one configuration"):
        MicrographDataset(tmp_path / "one", GIVEN, set=None, phonons="drawn")
