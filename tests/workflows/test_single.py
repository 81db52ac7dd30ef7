"""One network from a short file: the network that a study makes, once, and nothing else in its folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from temshift.configuration.model import ConfigurationError, load_configuration, parse_configuration
from temshift.configuration.yaml_document import read_document
from temshift.core.errors import InputError
from temshift.core.hashes import file_hash
from temshift.databases.database import Database, simulate_database
from temshift.networks import load
from temshift.storage.records import read_facts, record_state
from temshift.studies import Plan, Study, run_study
from temshift.studies.folder import study_text
from temshift.workflows import SingleNetwork, train_single
from temshift.workflows.input_files import load_single
from temshift.workflows.train_network import open_training

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "network.yaml"
WEIGHTS = "weights.safetensors"


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny database with a set to watch the training by."""
    text = (ROOT / "examples" / "tiny_database.yaml").read_text(encoding="utf-8")
    text = text.replace("test: 3", "validation: 3").replace("sampling_angstrom: 0.2", "sampling_angstrom: 0.4")
    database = parse_configuration(text, Database, "tiny_database.yaml")
    place = tmp_path_factory.mktemp("single") / "tiny"
    simulate_database(database, place, workers=0)
    return place


@pytest.fixture
def single(waves: Path) -> Callable[..., SingleNetwork]:
    """The example on that database, in few steps, with settings of its training and others replaced."""

    def make(training: dict[str, Any] | None = None, **settings: Any) -> SingleNetwork:
        whole = load_configuration(EXAMPLE, SingleNetwork).model_dump(mode="json", exclude_none=True)
        short = {"steps": 4, "batch": 3, **(training or {})}
        return SingleNetwork.model_validate(whole | {"database": str(waves), "training": short} | settings)

    return make


def state(place: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in load(place).state_dict().items()}


def test_the_example_is_taken_and_says_how_it_is_used() -> None:
    example = load_single(EXAMPLE)
    assert example.database == "tiny" and example.training.steps == 60
    first = EXAMPLE.read_text(encoding="utf-8").split("\n\n")[0]
    assert "temshift simulate examples/tiny_database.yaml --output tiny" in first
    assert "temshift train examples/network.yaml --output network" in first


def test_a_trained_network_gives_logits(single: Callable[..., SingleNetwork], tmp_path: Path, listening: Any) -> None:
    listener = listening()
    card = train_single(single(), tmp_path / "net", progress=listener)
    assert card == read_facts(tmp_path / "net" / "network.json")
    assert card["training_name"] == "defocus -10 nm" and card["root_seed"] == 1 and card["seed"] == 0
    assert card["scores"]["training"]["images"] == 6
    assert listener.stages == {"epochs": (2, 0)}
    with torch.inference_mode():
        logits = load(tmp_path / "net")(torch.zeros(2, 1, 9, 13))
    assert logits.shape == (2, 1, 9, 13) and bool(logits.isfinite().all())


def test_it_is_the_network_that_a_study_makes(tiny_text: str, tmp_path: Path) -> None:
    """By name and by every weight: seed 0 of a study with the same settings, on the study's waves."""
    trained = {"name": "under", "defocus_nm": {"normal": {"mean": -10, "sd": 1.5}}}
    default = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0}
    whole = read_document(tiny_text).data | {
        "seed": 7,
        "counts": {"training": 4, "test": 2},
        "training": {"steps": 4, "batch": 3},
        "information": {"specimens": 2, "draws": 4, "observers": False},
        "conditions": {"default": default, "training": [trained], "test": [trained]},
    }
    study = run_study(Study.model_validate(whole), tmp_path / "study", workers=0)
    conditions = {key: value for key, value in {**default, **trained}.items() if key != "name"}
    shape = {"training": whole["training"], "conditions": conditions, "seed": 7}
    single = SingleNetwork.model_validate({"name": "any name", "database": str(study.root), **shape})
    card = train_single(single, tmp_path / "net")
    (theirs,) = study.networks.iterdir()
    assert card["id"] == theirs.name
    ours = state(tmp_path / "net")
    assert all(torch.equal(ours[name], tensor) for name, tensor in state(theirs).items())


def test_a_second_call_makes_nothing(single: Callable[..., SingleNetwork], tmp_path: Path, listening: Any) -> None:
    first = train_single(single(), tmp_path / "net")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "net").iterdir()}
    listener = listening()
    assert train_single(single(), tmp_path / "net", progress=listener) == first
    assert listener.told == ["the network was there already"] and not listener.stages
    before.pop(tmp_path / "net" / ".lock", None)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_another_network_in_the_folder_is_refused_and_left_alone(
    single: Callable[..., SingleNetwork], tmp_path: Path
) -> None:
    card = train_single(single(), tmp_path / "net")
    with pytest.raises(InputError, match=f"holds another network, {card['id']}; name another folder with --output"):
        train_single(single(seed=2), tmp_path / "net")
    assert read_facts(tmp_path / "net" / "network.json") == card


def test_other_files_in_the_folder_are_refused(single: Callable[..., SingleNetwork], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"is not empty and holds no network \(thesis.tex\)"):
        train_single(single(), tmp_path)


@pytest.mark.parametrize("victim", ["network.json", "weights.safetensors"])
def test_a_network_that_is_damaged_is_made_again(
    single: Callable[..., SingleNetwork], tmp_path: Path, victim: str
) -> None:
    card = train_single(single(), tmp_path / "net")
    weights = state(tmp_path / "net")
    path = tmp_path / "net" / victim
    path.write_bytes(path.read_bytes()[:-40])
    again = train_single(single(), tmp_path / "net")
    assert again["id"] == card["id"] and record_state(tmp_path / "net" / "network.json").state == "complete"
    assert all(torch.equal(weights[name], tensor) for name, tensor in state(tmp_path / "net").items())


def test_no_weights_are_kept_where_none_are_wanted(
    single: Callable[..., SingleNetwork], tmp_path: Path, listening: Any
) -> None:
    kept = train_single(single(), tmp_path / "kept")
    card = train_single(single({"keep": "none"}), tmp_path / "net")
    assert sorted(path.name for path in (tmp_path / "net").iterdir() if path.name[0] != ".") == [
        "history.parquet",
        "network.json",
    ]
    assert card["id"] == kept["id"] and card["scores"] == kept["scores"]
    listener = listening()
    train_single(single({"keep": "none"}), tmp_path / "net", progress=listener)
    assert listener.told == ["the network was there already"]
    with pytest.raises(InputError, match="keep"):
        load(tmp_path / "net")


def test_the_best_weights_are_those_of_the_epoch_with_the_lowest_loss_of_the_validation(
    single: Callable[..., SingleNetwork], tmp_path: Path
) -> None:
    """Found once more by a training that ends there: with a decay, no step knows how many follow."""
    settings = {"schedule": "decay", "learning_rate": 0.003}
    train_single(single({**settings, "keep": "both", "steps": 8}), tmp_path / "net")
    history = pl.read_parquet(tmp_path / "net" / "history.parquet")
    best = int(history["validation_cross_entropy"].arg_min() or 0)  # counts from 0
    assert len(history) == 4 and best < 3
    train_single(single({**settings, "steps": 2 * (best + 1)}), tmp_path / "until")
    until = state(tmp_path / "until")
    assert all(torch.equal(until[name], tensor) for name, tensor in state(tmp_path / "net").items())
    last = load_file(tmp_path / "net" / "last.safetensors")
    assert not all(torch.equal(until[name], tensor) for name, tensor in last.items())


def test_a_network_starts_from_another_whose_file_it_remembers(
    single: Callable[..., SingleNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is told from where temshift is called; frozen parts keep its weights; another file makes another."""
    monkeypatch.chdir(tmp_path)
    train_single(single(), tmp_path / "first")
    frozen = single({"initial": {"weights": "first", "freeze": "encoder"}})
    card = train_single(frozen, tmp_path / "second")
    initial = card["training"]["initial"]
    assert initial["weights"] == str(tmp_path / "first") and initial["sha256"] == file_hash(
        tmp_path / "first" / WEIGHTS
    )
    first, second = state(tmp_path / "first"), state(tmp_path / "second")
    kept = {name for name in first if torch.equal(first[name], second[name])}
    assert kept >= {name for name in first if name.startswith(("enter.", "down."))} and kept < set(first)
    shutil.copy(tmp_path / "second" / WEIGHTS, tmp_path / "first" / WEIGHTS)
    with pytest.raises(InputError, match=f"second holds another network, {card['id']}"):
        train_single(frozen, tmp_path / "second")


def test_a_study_remembers_the_hash_of_initial_weights(
    single: Callable[..., SingleNetwork], tiny_text: str, tmp_path: Path
) -> None:
    """So that its folder tells its networks also when the file is gone."""
    train_single(single(), tmp_path / "first")
    initial = {"weights": str(tmp_path / "first")}
    study = Study.model_validate(read_document(tiny_text).data | {"training": {"steps": 4, "initial": initial}})
    ids = [run.id for run in Plan(study).networks]
    again = parse_configuration(study_text(study), Study, "study.yaml")
    (tmp_path / "first" / WEIGHTS).unlink()
    assert [run.id for run in Plan(again).networks] == ids
    with pytest.raises(InputError, match="cannot read the initial weights .*first"):
        study_text(study)


def test_a_set_that_is_not_there_is_told_with_the_remedy(
    single: Callable[..., SingleNetwork], waves: Path, tmp_path: Path
) -> None:
    for asked, message in (
        (single(training_set="test"), "training_set: .* holds no set 'test'; it has training, validation"),
        (
            single({"keep": "best"}, validation_set="test"),
            "validation_set: .* holds no set 'test'.*; without it, take training.keep: last and no early_stopping",
        ),
        (single({"keep": "best"}, validation_set="training"), "validation_set: is the training set, .*; name another"),
        (single(database="nowhere"), "training_set: nowhere holds no exit waves"),
    ):
        with pytest.raises(InputError, match=message):
            train_single(asked, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_conditions_that_the_waves_cannot_serve_are_told_with_their_keys(
    single: Callable[..., SingleNetwork], tmp_path: Path
) -> None:
    wide = single(conditions={"defocus_nm": 0, "dose_e_per_A2": 100, "semiangle_cutoff_mrad": 80})
    with pytest.raises(InputError, match=r"can't be trained so:\n  conditions: .*semiangle_cutoff_mrad reaches 80.00"):
        train_single(wide, tmp_path / "net")
    odd = single(imaging={"camera": {"binning": 7}})
    assert [place for place, _ in open_training(odd).faults] == [("imaging", "camera", "binning")]


def test_images_that_are_not_square_are_not_turned(database: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"database": str(database), "training": {"steps": 2, "batch": 2}}
    conditions = {"defocus_nm": 0, "dose_e_per_A2": 100, "semiangle_cutoff_mrad": 12}
    single = SingleNetwork.model_validate({**settings, "conditions": conditions})
    with pytest.raises(InputError, match=r"training: augmentation turns images, .* \(80, 64\) pixels; take none"):
        train_single(single, tmp_path / "net")
    plain = {**settings["training"], "augmentation": "none"}
    train_single(
        SingleNetwork.model_validate({**settings, "training": plain, "conditions": conditions}), tmp_path / "net"
    )


def test_a_key_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8").replace("widths:", "width:"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"line 14, network\.width: .*widths"):
        load_single(file)


def test_drawn_phonons_train_another_network_and_need_several_configurations(
    single: Callable[..., SingleNetwork], tmp_path: Path
) -> None:
    """Without noise of its own the network is the same but for its waves: two of a specimen, one at a time."""
    cards = [train_single(single({"phonons": way}), tmp_path / way) for way in ("averaged", "drawn")]
    assert cards[0]["id"] != cards[1]["id"]
    assert cards[1]["training"]["phonons"] == "drawn"
    states = [state(tmp_path / way) for way in ("averaged", "drawn")]
    assert any(not torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert cards[0]["scores"] != cards[1]["scores"]
    rest = read_document((ROOT / "examples" / "tiny_database.yaml").read_text(encoding="utf-8")).data
    rest["exit_waves"]["phonons"] = {
        "treatment": "damped",
        "rms_displacement_angstrom": {"Cd": 0.12, "Se": 0.1, "C": 0.08},
    }
    database = Database.model_validate({**rest, "counts": {"training": 2, "validation": 1}})
    simulate_database(database, tmp_path / "damped", workers=0)
    with pytest.raises(InputError, match="training.phonons: drawn, but waves have one configuration"):
        train_single(single({"phonons": "drawn"}, database=str(tmp_path / "damped")), tmp_path / "none")
    assert not (tmp_path / "none").exists()
