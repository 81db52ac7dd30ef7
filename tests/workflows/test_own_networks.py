"""Anyone's network: scored as a study scores its own, told as a study is, and nothing made up."""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from temshift.cli.app import main
from temshift.configuration.yaml_document import read_document
from temshift.core.errors import InputError
from temshift.databases.database import Database, simulate_database
from temshift.exitwaves.origin import Origin
from temshift.exitwaves.sources import wave_sources
from temshift.networks import load, read_card
from temshift.networks.onnx import export_onnx
from temshift.networks.stored import CARD
from temshift.report import load_study
from temshift.scoring import score
from temshift.storage.files import read_json
from temshift.storage.records import read_record, write_record
from temshift.studies import Study, StudyFolder, read_results, run_study
from temshift.studies.running.status import read_status
from temshift.vocabulary.columns import METRICS, RESULTS, TRANSFER
from temshift.workflows import cost_sentence, score_network

pytestmark = pytest.mark.slow
own_networks = import_module("temshift.workflows.score_network")  # the package has a function of the same name

own_networks = importlib.import_module("temshift.workflows.score_network")  # the face has a function of this name

FAST = {
    "counts": {"training": 4, "test": 3, "per_shard": 2},
    "training": {"steps": 4, "batch": 4},
    "information": {"specimens": 4, "draws": 32, "observers": False},
    "seed": 5,
}
DEFAULT = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0, "defocus_nm": -10}
TRAINED = [{"name": "under", "defocus_nm": {"normal": {"mean": -10, "sd": 1.5}}}]
FOCI = [{"name": "defocus {value:+g} nm", "series": "defocus_nm", "values": [-20, -10, 0, 10, 20], "sd": 1.5}]
WANTED: dict[str, Any] = {"seed": 5, "default": DEFAULT, "test": FOCI}


@pytest.fixture(scope="module")
def study(tiny_text: str, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of one network, and a database with it."""
    whole = deepcopy(read_document(tiny_text).data) | FAST | {"examples": {"specimens": 2}}
    whole["conditions"] = {"default": DEFAULT, "training": TRAINED, "test": FOCI}
    return run_study(Study.model_validate(whole), tmp_path_factory.mktemp("own") / "study", workers=0)


@pytest.fixture(scope="module")
def network(study: StudyFolder) -> torch.nn.Module:
    (card,) = study.networks.glob(f"*/{CARD}")
    return load(card)


@pytest.fixture(scope="module")
def untold(study: StudyFolder, network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Scores of a network whose training is not told."""
    return score_network(network, study.root, WANTED, tmp_path_factory.mktemp("own") / "untold")


def test_the_scores_are_those_of_the_study(study: StudyFolder, network: torch.nn.Module) -> None:
    """The same images, by name and by number, for a network of the study that is given as anyone's."""
    ours, theirs = pl.read_parquet(study.table("results")), score(network, study.root, WANTED | {"training": TRAINED})
    assert theirs["test_id"].to_list() == ours["test_id"].to_list()
    for column in ("cross_entropy", "f1", "calibration_error", "in_distribution_cross_entropy", "g_ood"):
        assert theirs[column].to_list() == pytest.approx(ours[column].to_list(), rel=1e-4, abs=1e-6)
    for column in (name for name in RESULTS if name.startswith(("test_", "training_defocus"))):
        assert theirs[column].equals(ours[column])


def test_epsilon_sigma_and_transfer_are_those_of_the_study(
    study: StudyFolder, network: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the specimens that the study measures its spectra of."""
    monkeypatch.setattr(own_networks, "INFORMATION", own_networks.InformationSettings(specimens=4, draws=32))
    wanted = WANTED | {"training": TRAINED, "name": "given"}
    folder = score_network(network, study.root, wanted, tmp_path / "own", set="training")
    ours, theirs = (pl.read_parquet(one.table("metrics")) for one in (study, folder))
    for column in ("epsilon_training", "epsilon_test", "epsilon_test_error", "sigma", "distance"):
        assert theirs[column].to_list() == pytest.approx(ours[column].to_list(), rel=1e-6)
    curves = [pl.read_parquet(one.table("transfer")) for one in (study, folder)]
    assert_frame_equal(*(one.select(list(TRANSFER)) for one in curves), rel_tol=1e-6)  # libraries keep 24 bits
    assert read_json(folder.root / "prediction.json")["models"][0]["name"] == "epsilon and sigma"
    page = folder.report.read_text(encoding="utf-8")
    assert '<body class="own">' in page
    assert "outside it typically" in page


def test_what_is_not_told_is_missing_and_not_made_up(untold: StudyFolder) -> None:
    results, metrics = (pl.read_parquet(untold.table(name)) for name in ("results", "metrics"))
    assert results.schema == pl.Schema(RESULTS)
    assert metrics.schema == pl.Schema(METRICS)
    assert results["training_name"].null_count() == len(results) == 5
    for column in ("sigma", "distance", "epsilon_training", "defocus_difference_nm", "ln_cross_entropy_sd"):
        assert metrics[column].null_count() == 5
    assert (metrics["epsilon_test"] > 0).all()
    assert set(pl.read_parquet(untold.table("transfer"))["role"]) == {"test"}


def test_epsilon_alone_predicts_where_no_distance_is_known(untold: StudyFolder) -> None:
    prediction = read_json(untold.root / "prediction.json")
    assert set(prediction["coefficients"]) == {"intercept", "ln epsilon(test)"}
    assert [model["name"] for model in prediction["models"]] == ["epsilon", "mean"]
    assert prediction["models"][0]["rmse_left_out_test"] > 0
    metrics = pl.read_parquet(untold.table("metrics"))
    assert metrics["left_out_test_prediction"].null_count() == 0
    assert metrics["left_out_training_prediction"].null_count() == 5
    slope, intercept = (prediction["coefficients"][key] for key in ("ln epsilon(test)", "intercept"))
    expected = intercept + slope * metrics["epsilon_test"].log()
    assert metrics["predicted_ln_cross_entropy"].to_list() == pytest.approx(expected.to_list())


def test_the_page_draws_without_a_training_distribution(untold: StudyFolder) -> None:
    tables, page = load_study(untold.root), untold.report.read_text(encoding="utf-8")
    assert tables.manifest.kind == "own network"
    assert tables.examples.probabilities.shape[:3] == (1, 3, 5)
    assert [len(gallery.conditions) for gallery in tables.galleries] == [5]
    assert tables.galleries[0].networks == (tables.manifest.name,)
    assert '<body class="own untold">' in page
    assert "How far can this network be trusted?" in page
    assert "What it was trained on is not told" in page
    assert "the best network" not in page
    assert re.search(r"worst under “defocus [+-]\d+ nm”", page)


def test_a_single_condition_gives_no_line_and_no_left_out_error(
    study: StudyFolder, network: torch.nn.Module, tmp_path: Path
) -> None:
    one = WANTED | {"test": [{"name": "one", "defocus_nm": 5}]}
    folder = score_network(network, study.root, one, tmp_path / "one")
    prediction = read_json(folder.root / "prediction.json")
    assert prediction["coefficients"] == {} and prediction["formula"] is None and prediction["why_not"]
    assert any("too few test conditions" in caveat for caveat in prediction["caveats"])
    assert folder.report.stat().st_size > 0


def test_a_network_with_a_hash_is_scored_once(
    study: StudyFolder, network: torch.nn.Module, tmp_path: Path, listening: Any
) -> None:
    calls: list[int] = []

    def counted(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return network(images)

    few, output = WANTED | {"test": [{"name": "a"}, {"name": "b", "defocus_nm": 0}]}, tmp_path / "out"
    score_network(counted, study.root, few, output, identity="abc")
    made = len(calls)
    listener = listening()
    score_network(counted, study.root, few, output, identity="abc", progress=listener)
    assert (len(calls), listener.told) == (made, ["everything was there already"])
    (output / "metrics.parquet").write_bytes(b"damaged")
    score_network(counted, study.root, few, output, identity="abc", progress=listener)
    assert len(calls) == 2 * made
    assert any("made again" in warning and "metrics.parquet" in warning for warning in listener.warnings)
    assert len(pl.read_parquet(output / "metrics.parquet")) == 2


@pytest.mark.slow
def test_another_network_or_other_conditions_are_scored_anew(study: StudyFolder, tmp_path: Path) -> None:
    few = WANTED | {"test": [{"name": "a"}]}
    for identity, wanted in (("abc", few), ("other", few), ("other", few | {"seed": 6})):
        folder = score_network(torch.zeros_like, study.root, wanted, tmp_path / "out", identity=identity)
        assert set(pl.read_parquet(folder.table("results"))["network_id"]) == {identity}
        assert f"seed: {wanted['seed']}" in (folder.root / "conditions.yaml").read_text(encoding="utf-8")


def test_other_folders_are_left_alone(study: StudyFolder, network: torch.nn.Module) -> None:
    with pytest.raises(InputError, match="is not empty and holds no scores of a network"):
        score_network(network, study.root, WANTED, study.root)
    store = next(study.root.glob("waves/*"))
    with pytest.raises(InputError, match="lies inside the wave store"):
        score_network(network, study.root, WANTED, store / "scores")


def test_a_store_that_does_not_tell_its_specimens_gives_scores_but_no_epsilon(
    stored: Any, network: torch.nn.Module, tmp_path: Path
) -> None:
    store = stored(tmp_path / "store", "test")
    assert score(network, store, WANTED)["images"].to_list() == [2] * 5
    with pytest.raises(InputError, match="does not tell how its specimens were built"):
        score_network(network, store, WANTED, tmp_path / "out")


@pytest.fixture
def temshift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command line, called in this process: its exit code and all that it told."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["temshift", "score", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), "".join(capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def conditions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two conditions to score under, as a file."""
    file = tmp_path_factory.mktemp("conditions") / "conditions.yaml"
    file.write_text(json.dumps(WANTED | {"test": [{"name": "a"}, {"name": "b", "defocus_nm": 0}]}))
    return file


def test_the_card_of_a_network_tells_what_it_was_trained_on(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    code, told = temshift("--network", place, *given)
    assert code == 0
    assert "G_OOD" in told
    assert str(tmp_path / "out" / "report.html") in told
    results = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(results["training_name"]) == {"under"}
    assert results["g_ood"][0] == pytest.approx(
        results["cross_entropy"][0] - results["in_distribution_cross_entropy"][0]
    )
    assert "other training conditions" not in told


def test_training_conditions_beside_those_of_the_card_are_remarked(
    study: StudyFolder, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    card = {"name": "under", **read_card(place)["conditions"]}
    for number, (training, remarked) in enumerate([({"name": "other"}, True), (card, False)]):
        file = tmp_path / f"{number}.yaml"
        file.write_text(json.dumps(WANTED | {"training": [training], "test": [{"name": "a"}]}))
        given = ("--database", study.root, "--conditions", file, "--output", tmp_path / str(number))
        code, told = temshift("--network", place, *given)
        assert code == 0
        assert ("gives other training conditions than the card of" in " ".join(told.split())) == remarked
    code, told = temshift("--network", place, *given, "--set", "valid")
    assert (code, "holds no set 'valid'; it has test, training" in " ".join(told.split())) == (2, True)


def test_a_study_from_trained_weights_is_read_without_them(study: StudyFolder, tmp_path: Path) -> None:
    """Such as on another machine, or from another folder; what can't be started from stops it before it begins."""
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    shutil.copytree(place, tmp_path / "start")
    whole = read_document(study.study_file.read_text()).data
    assert isinstance(whole, dict)
    whole["training"] |= {"initial": {"weights": str(tmp_path / "start"), "freeze": "encoder"}}
    with pytest.raises(InputError, match="of a network of another shape"):
        run_study(Study.model_validate(whole | {"network": {"widths": [4]}}), tmp_path / "other", workers=0)
    assert not (tmp_path / "other").exists()
    folder = run_study(Study.model_validate(whole), tmp_path / "study", workers=0)
    shutil.rmtree(tmp_path / "start")
    assert read_results(folder.root)["in_study"].all()
    assert read_status(folder.root).counts["done"] == 1


@pytest.mark.slow
def test_an_onnx_file_scores_as_the_network_that_it_was_made_of(
    study: StudyFolder,
    network: torch.nn.Module,
    conditions: Path,
    temshift: Callable[..., tuple[int, str]],
    tmp_path: Path,
) -> None:
    export_onnx(network, tmp_path / "probe.onnx")
    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    code, told = temshift("--onnx", tmp_path / "probe.onnx", *given)
    assert code == 0
    assert "the training conditions of the network are unknown: sigma and G_OOD will be missing" in told
    assert "G_OOD │" not in told
    found, expected = pl.read_parquet(tmp_path / "out" / "results.parquet"), score(network, study.root, conditions)
    assert found["cross_entropy"].to_list() == pytest.approx(expected["cross_entropy"].to_list(), rel=1e-4)
    assert load_study(tmp_path / "out").name == "probe"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Path:
    """A database of other specimens, on the same pixels."""
    whole = deepcopy(read_document(tiny_text).data)
    whole["specimens"]["substrate"]["thickness_nm"] = {"minimum": 2.5, "maximum": 3.0}
    parts = {key: whole[key] for key in ("specimens", "exit_waves")}
    database = Database.model_validate({"name": "foreign", "seed": 1, "counts": {"test": 2}, **parts})
    return simulate_database(database, tmp_path_factory.mktemp("foreign") / "database", workers=0).root


def test_the_card_keeps_pixels_energy_specimens_and_mask(study: StudyFolder, network: torch.nn.Module) -> None:
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    kept = read_card(place)["trained_on"]
    sources = {source.id: source for source in wave_sources(study.root)}
    source = sources[kept["database"]]
    assert kept["pixel_angstrom"] == list(source.layout.grid.sampling)
    assert kept["energy_kev"] == source.exit_waves.energy_kev
    assert kept["specimens"] == source.settings["specimens"]
    assert {"crystal", "radius_nm"} <= kept["specimens"]["particles"].keys()
    assert "thickness_nm" in kept["specimens"]["substrate"]
    assert kept["mask"] == source.exit_waves.mask.model_dump(mode="json")
    assert network.origin == Origin.model_validate(kept)


def test_on_foreign_specimens_there_is_no_loss_in_distribution(
    study: StudyFolder, foreign: Path, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """It was taken on the foreign specimens, so that G_OOD came out as 0.000."""
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    given = ("--database", foreign, "--conditions", conditions, "--output", tmp_path / "out")
    code, printed = temshift("--network", place, *given)
    assert code == 0
    assert "these differ in specimens.substrate.thickness_nm.minimum" in " ".join(printed.split())
    assert "G_OOD │" not in printed and "G_OOD are missing" in " ".join(printed.split())
    results = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert results["g_ood"].null_count() == results["in_distribution_cross_entropy"].null_count() == 2
    assert results["training_name"].null_count() == 0
    assert load_study(tmp_path / "out").manifest.kind == "own network"


def test_other_pixels_are_refused_resampled_or_allowed(
    study: StudyFolder,
    network: torch.nn.Module,
    conditions: Path,
    temshift: Callable[..., tuple[int, str]],
    tmp_path: Path,
) -> None:
    """Of an ONNX file that knows its pixels, as of a folder."""
    assert isinstance(network.origin, Origin) and network.origin.pixel_angstrom is not None
    (side, _), other = network.origin.pixel_angstrom, deepcopy(network)
    other.origin = network.origin.model_copy(update={"pixel_angstrom": (2 * side, 2 * side)})
    export_onnx(other, tmp_path / "net.onnx")
    given = ("--onnx", tmp_path / "net.onnx", "--database", study.root, "--conditions", conditions)
    code, printed = temshift(*given, "--output", tmp_path / "refused")
    printed = " ".join(printed.split())
    assert code == 2 and f"pixels of {2 * side:g} A" in printed and f"have pixels of {side:g} A" in printed
    assert "--resample" in printed and "--any-pixel" in printed
    assert not (tmp_path / "refused").exists()
    code, printed = temshift(*given, "--output", tmp_path / "out", "--resample")
    shape = tuple(size // 2 for size in wave_sources(study.root)[0].layout.grid.shape)
    assert code == 0 and f"resampled to {shape[0]} x {shape[1]} pixels" in " ".join(printed.split())
    assert load_study(tmp_path / "out").examples.images.shape[-2:] == shape
    first = pl.read_parquet(tmp_path / "out" / "results.parquet")
    code, printed = temshift(*given, "--output", tmp_path / "out", "--any-pixel")
    assert (code, "everything was there already" in printed) == (0, False)
    assert (
        first["cross_entropy"].to_list()
        != pl.read_parquet(tmp_path / "out" / "results.parquet")["cross_entropy"].to_list()
    )
    code, printed = temshift(*given, "--output", tmp_path / "both", "--any-pixel", "--resample")
    assert (code, "exclude each other" in printed) == (2, True)


def test_an_older_card_refuses_nothing_and_says_so(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (place,) = (card.parent for card in study.networks.glob(f"*/{CARD}"))
    shutil.copytree(place, tmp_path / "old")
    card = {key: value for key, value in read_card(place).items() if key != "trained_on"}
    files = [tmp_path / "old" / file.name for file in read_record(place / CARD).files]
    write_record(tmp_path / "old" / CARD, files, card)
    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    code, printed = temshift("--network", tmp_path / "old", *given)
    assert code == 0 and "trained on are not known: it is not checked if these fit" in " ".join(printed.split())
    assert pl.read_parquet(tmp_path / "out" / "results.parquet")["g_ood"].null_count() == 0  # its waves lie there


def graph(path: Path, *nodes: onnx.NodeProto, weights: Sequence[onnx.TensorProto] = (), **saved: Any) -> Path:
    """A network from "a" to "b"."""
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", channels, "y", "x"])
        for name, channels in (("a", 1), ("b", None))
    ]
    made = onnx.helper.make_graph(list(nodes), "g", values[:1], values[1:], list(weights))
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save_model(model, path, **saved)
    return path


def test_weights_in_another_file_are_part_of_the_network(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    def saved(factor: float) -> Path:
        (tmp_path / "weights.bin").unlink(missing_ok=True)
        weight = onnx.numpy_helper.from_array(np.array([factor], np.float32), "w")
        external = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
        node = onnx.helper.make_node("Mul", ["a", "w"], ["b"])
        return graph(tmp_path / "net.onnx", node, weights=[weight], **external)

    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    losses = []
    for factor, there in ((1.0, False), (1.0, True), (-2.0, False)):
        code, printed = temshift("--onnx", saved(factor), *given)
        assert (code, "everything was there already" in printed) == (0, there)
        losses.append(pl.read_parquet(tmp_path / "out" / "results.parquet")["cross_entropy"].to_list())
    assert losses[0] == losses[1] != losses[2]


def test_a_network_of_probabilities_is_refused_until_it_is_said(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """By the end of its graph, and by the values alone; two classes are held against each other."""
    node = onnx.helper.make_node
    logits = graph(tmp_path / "logits.onnx", node("Identity", ["a"], ["b"]))
    final = graph(tmp_path / "final.onnx", node("Sigmoid", ["a"], ["b"]))
    one = onnx.numpy_helper.from_array(np.array([1.0], np.float32), "w")
    inner = [node("Sigmoid", ["a"], ["s"]), node("Mul", ["s", "w"], ["b"])]
    hidden = graph(tmp_path / "hidden.onnx", *inner, weights=[one])
    two = [node("Neg", ["a"], ["m"]), node("Concat", ["m", "a"], ["c"], axis=1), node("Softmax", ["c"], ["b"], axis=1)]
    classes = graph(tmp_path / "classes.onnx", *two)
    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    for file in (final, hidden, classes):
        code, printed = temshift("--onnx", file, *given)
        assert code == 2 and not (tmp_path / "out").exists(), printed
        assert "logits|probability|two-class" in "".join(printed.split()) or file == classes
    losses = []
    options: list[tuple[Path, tuple[str, ...]]] = [(logits, ()), (final, ("--gives", "probability"))]
    options += [(hidden, ("--gives", "probability")), (classes, ("--gives", "probability", "--channel", "1"))]
    for number, (file, said) in enumerate([*options, (classes, ("--gives", "two-class"))]):
        code, printed = temshift("--onnx", file, *given[:-1], tmp_path / str(number), *said)
        assert code == 0, printed
        losses.append(pl.read_parquet(tmp_path / str(number) / "results.parquet")["cross_entropy"].to_list())
    for loss in losses[1:3]:
        assert loss == pytest.approx(losses[0], rel=1e-4)
    assert losses[4] == pytest.approx(losses[3], rel=1e-4)


def test_a_fixed_size_three_channels_and_a_fixed_batch_need_no_new_export(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    node = onnx.helper.make_node("ReduceMean", ["a"], ["b"], axes=[1])
    ends = [("a", [2, 3, 32, 32]), ("b", [2, 1, 32, 32])]
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in ends]
    made = onnx.helper.make_graph([node], "g", values[:1], values[1:])
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save_model(model, tmp_path / "net.onnx")
    given = ("--database", study.root, "--conditions", conditions, "--output", tmp_path / "out")
    code, printed = temshift("--onnx", tmp_path / "net.onnx", *given)
    assert code == 0, printed
    expected = score(lambda images: images, study.root, conditions)
    scores = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert scores["cross_entropy"].to_list() == pytest.approx(expected["cross_entropy"].to_list(), rel=1e-5)


def test_the_verb_tells_what_is_wrong(
    study: StudyFolder, conditions: Path, temshift: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    output = ("--output", tmp_path / "out")
    code, told = temshift("--database", study.root, "--conditions", conditions, *output)
    assert (code, "give a network, either as --onnx FILE or as --network FOLDER" in told) == (2, True)
    wide = tmp_path / "wide.yaml"
    wide.write_text("default: {defocus_nm: 0, dose_e_per_A2: 9}\ntest:\n- {name: a, semiangle_cutoff_mrad: 90}\n")
    code, told = temshift("--onnx", "none.onnx", "--database", study.root, "--conditions", wide, *output)
    assert (code, "line 2, test: 'a': semiangle_cutoff_mrad reaches 90.00" in told) == (2, True)
    assert not (tmp_path / "out").exists()


def test_curves_reach_beyond_the_widest_aperture(study: StudyFolder) -> None:
    curves = pl.read_parquet(study.table("transfer"))
    assert curves["q_per_A"].max() == pytest.approx(1.05 * 12e-3 / 0.019687, rel=1e-3)  # at 300 kV


@pytest.fixture(scope="module")
def silver(tiny_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of other specimens than those of the network."""
    whole = deepcopy(read_document(tiny_text).data) | FAST
    settings = {key: whole[key] for key in ("specimens", "counts", "exit_waves", "seed")} | {"name": "silver"}
    settings["specimens"]["particles"]["crystal"] = "Ag"
    place = tmp_path_factory.mktemp("silver") / "silver"
    simulate_database(Database.model_validate(settings), place, workers=0)
    return place


def test_own_specimens_split_what_is_lost(
    study: StudyFolder, network: torch.nn.Module, silver: Path, tmp_path: Path
) -> None:
    """Against the scores on either set by themselves, which know nothing of each other."""
    asked = WANTED | {"training": TRAINED}
    folder = score_network(network, silver, asked, tmp_path / "own", own_specimens=study.root)
    rows, there, home = (
        one.sort("test_defocus_nm")
        for one in (
            pl.read_parquet(folder.table("results")),
            score(network, silver, asked),
            score(network, study.root, asked),
        )
    )
    inside = home["in_distribution_cross_entropy"][0]
    assert rows["in_distribution_cross_entropy"].to_list() == pytest.approx([inside] * len(rows))
    assert rows["cross_entropy"].equals(there["cross_entropy"])
    assert np.allclose(rows["g_ood"], there["cross_entropy"] - inside)
    assert np.allclose(rows["g_ood_condition"], home["g_ood"])
    moved = score(network, silver, {**WANTED, "test": TRAINED})["cross_entropy"][0]
    assert np.allclose(rows["g_ood_specimens"], moved - inside)
    parts = sum(rows[f"g_ood_{part}"] for part in ("condition", "specimens", "interaction"))
    assert np.allclose(rows["g_ood"], parts)
    assert set(rows["training_specimens"]) == {"study"} and set(rows["test_specimens"]) == {"silver"}
    sentence = cost_sentence(rows)
    assert sentence is not None and sentence.startswith("trained on study, on silver the network has a cross-entropy")
    assert f"{moved - inside:+.3f} by the specimens" in sentence
    metrics = pl.read_parquet(folder.table("metrics"))
    assert metrics["distance"].null_count() == 0
    known = score_network(network, silver, asked, tmp_path / "alone")
    alone = pl.read_parquet(known.table("metrics"))
    assert alone["epsilon_test"].to_list() == pytest.approx(metrics["epsilon_test"].to_list(), rel=1e-6)
    assert alone["epsilon_training"][0] != pytest.approx(metrics["epsilon_training"][0], rel=1e-3)
    assert cost_sentence(pl.read_parquet(known.table("results"))) is None


def test_own_specimens_that_tell_nothing_are_refused(
    study: StudyFolder, network: torch.nn.Module, silver: Path, tmp_path: Path
) -> None:
    asked = WANTED | {"training": TRAINED}
    for database, conditions, own, words in (
        (study.root, asked, study.root, "are the specimens of the test, too"),
        (silver, WANTED, study.root, "trained under are not known"),
        (study.root, asked, silver, "trained on other specimens than"),
    ):
        with pytest.raises(InputError, match=words):
            score_network(network, database, conditions, tmp_path / "none", own_specimens=own)
    assert not (tmp_path / "none").exists()
