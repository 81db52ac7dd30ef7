"""The code of a user that makes a network reaches workers of both kinds, which import it from its folder."""

from pathlib import Path

import pytest
import torch
from local_cluster import LocalCluster

from temshift.execution import make_executor
from temshift.networks import FactorySettings, initialised, with_code

pytestmark = pytest.mark.slow

MINE = "from torch import nn\n\n\ndef small(width=4):\n    return nn.Conv2d(1, 1, 3, padding=1)\n"


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_worker_makes_the_network_that_this_process_makes(kind: str, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / f"zoo_of_{kind}.py").write_text(MINE)
    settings = with_code(FactorySettings(factory=f"zoo_of_{kind}:small"), tmp_path / "code")
    cluster = LocalCluster(tmp_path) if kind == "dask" else None
    try:
        if cluster is not None:
            cluster.add_worker()
        with make_executor(1, None if cluster is None else cluster.address) as executor:
            made = executor.submit(initialised, settings, 7).result()
    finally:
        if cluster is not None:
            cluster.close()
    assert torch.equal(made.body.weight, initialised(settings, 7).body.weight)
