"""Studies whose networks temshift does not define: of MONAI, and of code that a user permits."""

import functools
import json
from pathlib import Path
from typing import Any

import onnx
import polars as pl
import pytest
from torch import nn

from temshift.configuration.model import ConfigurationError, parse_configuration
from temshift.core.errors import InputError
from temshift.networks import FactorySettings, export_onnx, load, read_card, with_code
from temshift.studies import Study, run_study
from temshift.studies.folder import load_study, study_text
from temshift.studies.planning.plan import Plan
from temshift.studies.planning.study import SpecimenCounts
from temshift.workflows import predict_scores

ROOT = Path(__file__).parents[2]
MINE = """
from pathlib import Path
from torch import nn

Path(__file__).with_name("imported.txt").touch()


def small(width=4):
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 1, 1))
"""
MONAI = {"kind": "monai", "architecture": "unet", "channels": [4, 8], "normalisation": "batch", "dropout": 0.1}


def reduced(text: str, network: dict[str, Any]) -> Study:
    """The quick study with two training distributions, four test conditions and few specimens and steps."""
    study = parse_configuration(text, Study, "quick_study.yaml")
    conditions = study.conditions.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    conditions["training"][0]["values"] = [-10, 10]
    del conditions["training"][1:], conditions["test"][2:]
    conditions["test"][0]["values"] = [-20, 0, 20]
    conditions["test"][1]["values"] = [150]
    changes = {
        "conditions": conditions,
        "counts": {"training": 16, "test": 4, "per_shard": 8},
        "network": network,
        "training": {"steps": 6, "batch": 4, "learning_rate": 0.01},
        "information": {"specimens": 4, "draws": 16, "observers": False},
        "examples": {"specimens": 1},
        "seeds": 1,
    }
    plain = study.model_dump(mode="json", exclude_none=True) | changes
    return parse_configuration(json.dumps(plain), Study, "reduced")


def quick_text() -> str:
    return (ROOT / "examples" / "quick_study.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_quick_study_with_a_monai_network_ends_in_a_report_predictions_and_onnx(
    tmp_path: Path, listening: Any
) -> None:
    study = reduced(quick_text(), MONAI)
    folder = run_study(study, tmp_path / "study", workers=0)
    results = pl.read_parquet(folder.table("results"))
    assert len(results) == 2 * 4 and results["cross_entropy"].is_finite().all() and folder.report.stat().st_size > 0
    networks = [folder.network(run.id) for run in Plan(load_study(folder.study_file)).networks]
    card = read_card(networks[0])
    assert card["source"]["library"] == "monai" and card["source"]["class"] == "monai.networks.nets.UNet"
    listener = listening()
    run_study(study, folder.root, workers=0, progress=listener)
    assert all(total == done for total, done in listener.stages.values())
    new = tmp_path / "new.yaml"
    new.write_text("{defocus_nm: -7, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12.0, focal_spread_sigma_nm: 1.0}")
    assert len(predict_scores(folder.root, new, workers=0).table) == 2
    export_onnx(load(networks[0]), tmp_path / "network.onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "network.onnx").metadata_props}
    assert json.loads(metadata["temshift.source"]) == card["source"] and "temshift.trained_on" in metadata


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "zoo_study_networks.py").write_text(MINE)
    return tmp_path / "code"


@pytest.fixture
def of_code(tiny: Study) -> Study:
    settings = FactorySettings(factory="zoo_study_networks:small", arguments={"width": 3})
    counts = SpecimenCounts(training=8, test=2, per_shard=4)
    return tiny.model_copy(update={"network": settings, "counts": counts})


def test_a_sweep_of_a_factory_keeps_the_permission(of_code: Study, code: Path) -> None:
    swept = of_code.model_copy(update={"sweep": {"network.arguments.width": [2, 3]}})
    permitted = swept.model_copy(update={"network": with_code(swept.network, code)})
    runs = Plan(permitted).networks
    assert {run.network.arguments["width"] for run in runs} == {2, 3}
    assert {run.network.code for run in runs} == {code.resolve()} and len({run.id for run in runs}) == 8
    of_another = permitted.model_copy(update={"sweep": {"network": [{"kind": "compact"}, {"kind": "resnet18"}]}})
    assert len(Plan(of_another).networks) == 8
    assert not (code / "imported.txt").exists()


def test_ids_of_a_kept_study_need_no_code(of_code: Study, code: Path, tmp_path: Path) -> None:
    permitted = of_code.model_copy(update={"network": with_code(of_code.network, code)})
    (tmp_path / "study.yaml").write_text(study_text(permitted))
    kept = load_study(tmp_path / "study.yaml")
    assert [run.id for run in Plan(kept).networks] == [run.id for run in Plan(permitted).networks]
    with pytest.raises(InputError, match="give --allow-code FOLDER"):
        run_study(kept, tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists() and not (code / "imported.txt").exists()


def test_a_network_of_monai_that_can_not_take_the_images_is_one_fault_at_its_key(tiny: Study) -> None:
    wide = {"kind": "monai", "channels": [2] * 7, "strides": [2] * 6}
    plain = tiny.model_dump(mode="json", exclude_none=True) | {"network": wide}
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(json.dumps(plain), Study, "study.yaml")
    (fault,) = caught.value.faults
    assert "network: the unet of MONAI can't take 8 images of 64 x 64 pixels" in str(fault)


def two_layers(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, 1, 1))


@pytest.mark.slow
def test_a_function_of_python_is_trained(tiny: Study, tmp_path: Path) -> None:
    counts = SpecimenCounts(training=8, test=2, per_shard=4)
    plain = {name: getattr(tiny, name) for name in Study.model_fields if name not in ("network", "counts")}
    study = Study(**plain, counts=counts, network=functools.partial(two_layers, width=2))
    folder = run_study(study, tmp_path / "study", workers=0)
    card = read_card(folder.network(Plan(study).networks[0].id))
    assert card["parameters"] == 2 * 10 + 3 and [Path(file).name for file in card["source"]["files"]] == [
        Path(__file__).name
    ]
