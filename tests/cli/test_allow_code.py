"""Code that makes a network is run only by verbs that are given its folder, and never by temshift check."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temshift.configuration.model import dump_configuration
from temshift.networks import FactorySettings, read_card
from temshift.studies import Study
from temshift.studies.planning.study import SpecimenCounts

MINE = """
from pathlib import Path
from torch import nn

Path(__file__).with_name("imported.txt").touch()


def small(width=4):
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 1, 1))
"""


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


@pytest.mark.slow
def test_a_factory_is_trained_by_worker_processes_and_the_verbs_ask_for_permission(
    temshift: Callable[..., Any], of_code: Study, code: Path, tmp_path: Path
) -> None:
    (tmp_path / "study.yaml").write_text(dump_configuration(of_code))
    checked = temshift("check", "study.yaml")
    assert checked.returncode == 0 and "the network is made by code, which check does not run" in checked.stdout
    refused = temshift("run", "study.yaml", "--output", "study")
    assert refused.returncode == 2 and "give --allow-code FOLDER" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1 and not (tmp_path / "study").exists()
    assert not (code / "imported.txt").exists()
    done = temshift("run", "study.yaml", "--output", "study", "--workers", "1", "--allow-code", "code")
    assert done.returncode == 0, done.stderr
    assert (code / "imported.txt").exists() and (tmp_path / "study" / "report.html").exists()
    network = next((tmp_path / "study" / "networks").iterdir())
    files = read_card(network)["source"]["files"]
    assert set(files) == {"zoo_study_networks.py"} and len(files["zoo_study_networks.py"]) == 64
    assert temshift("status", "study").returncode == 0
    refused = temshift("onnx", network, "--output", "net.onnx")
    assert refused.returncode == 2 and "give --allow-code FOLDER" in refused.stderr
    assert temshift("onnx", network, "--output", "net.onnx", "--allow-code", "code").returncode == 0
    trained = "{database: study, conditions: {defocus_nm: -10, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12.0}, "
    trained += "network: {kind: factory, factory: 'zoo_study_networks:small'}, training: {steps: 2, batch: 4}}"
    (tmp_path / "network.yaml").write_text(trained)
    refused = temshift("train", "network.yaml", "--output", "alone")
    assert refused.returncode == 2 and "give --allow-code FOLDER" in refused.stderr
    done = temshift("train", "network.yaml", "--output", "alone", "--allow-code", "code")
    assert done.returncode == 0, done.stderr
