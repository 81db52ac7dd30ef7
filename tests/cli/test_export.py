"""The verbs that hand a database to others, from the command line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest
import torch

from temshift.cli.app import main
from temshift.cli.verbs import export
from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, ExitWaveSettings, StoreLayout, create_store, write_shard

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "conditions.yaml"
GEOMETRY = {"coverage": [0.9], "mask_fraction": 0.25, "focus_height_angstrom": 0.0}
LAYOUT = StoreLayout(3, 1, Grid((48, 48), (0.4, 0.4)), 2)


@dataclass
class Done:
    """What a call of the command line left."""

    returncode: int
    stdout: str
    stderr: str


Temshift = Callable[..., Done]


@pytest.fixture
def temshift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Temshift:
    """The command line, called in this process from a folder that holds a database."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("training", "test")):
        write_set(tmp_path / "database" / "waves" / name, seed)

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["temshift", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return Done(int(stopped.value.code or 0), printed.out, printed.err)

    return call


def write_set(folder: Path, seed: int) -> None:
    """Waves of random weak phases."""
    settings = ExitWaveSettings(energy_kev=300, sampling_angstrom=0.4, slice_thickness_angstrom=4)
    create_store(folder, LAYOUT, {"exit_waves": settings.identity(), "seed": seed})
    draws = np.random.default_rng(seed)
    phases = torch.from_numpy(draws.normal(0, 0.3, (LAYOUT.count, 1, 48, 48)))
    waves = torch.polar(torch.ones_like(phases), phases).to(torch.complex64)
    for shard in range(LAYOUT.shards):
        numbers = LAYOUT.specimens_of(shard)
        write_shard(folder, shard, [ExitWave(waves[n], phases[n, 0].numpy() > 0, GEOMETRY) for n in numbers])


def test_images_are_written_and_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("images", "database", EXAMPLE, "--output", "images", "--workers", 0)
    assert done.returncode == 0, done.stderr
    assert "48 images (uint16, electrons per pixel), 8 conditions\ntable: images/table.parquet" in done.stdout
    assert "training images: 24 of 24" in done.stderr
    table = pl.read_parquet(tmp_path / "images" / "table.parquet")
    assert set(table["set"]) == {"training", "test"}
    assert all((tmp_path / "images" / name).exists() for name in table["file"])


@pytest.mark.parametrize(("name", "file"), [("png", "training/broad/image-00002.png"), ("hdf5", "images.h5")])
def test_one_set_and_a_format_are_chosen(temshift: Temshift, tmp_path: Path, name: str, file: str) -> None:
    words = ("--format", name, "--set", "training", "--workers", 0)
    assert temshift("images", "database", EXAMPLE, "-o", "images", *words).returncode == 0
    assert (tmp_path / "images" / file).stat().st_size > 0
    assert set(pl.read_parquet(tmp_path / "images" / "table.parquet")["set"]) == {"training"}


def test_waves_are_written_and_told(temshift: Temshift, tmp_path: Path) -> None:
    done = temshift("export", "database", "--output", "waves.h5", "--set", "test", "--specimens", "1:3", "--gzip", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("waves.h5: 0.0 MB, sets test")
    with h5py.File(tmp_path / "waves.h5") as file:
        assert file["test/specimens"][:].tolist() == [1, 2]
        assert file["test/waves"].compression == "gzip"


MISTAKES = {
    "no database": (("images", "absent", EXAMPLE), "absent holds no exit waves"),
    "no conditions": (("images", "database", "absent.yaml"), "cannot read absent.yaml"),
    "no such set": (("images", "database", EXAMPLE, "--set", "all"), "holds no set 'all'; it has test, training"),
    "unknown format": (("images", "database", EXAMPLE, "--format", "jpeg"), "'jpeg' is not one of"),
    "negative workers": (("images", "database", EXAMPLE, "--workers", "-1"), "Invalid value for '--workers'"),
    "not a range": (("export", "database", "--specimens", "3"), "--specimens 3: write A:B, from A up to"),
    "beyond the set": (("export", "database", "--specimens", "2:9"), "specimens 2:9 of set test: it holds 3"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_and_nothing_is_written(temshift: Temshift, tmp_path: Path, case: str) -> None:
    words, message = MISTAKES[case]
    done = temshift(*words, "--output", "out")
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["database"]


def test_every_fault_of_the_conditions_is_told_with_its_line(temshift: Temshift, tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("dose_e_per_A2: 400", "dose: 400").replace("seed: 7", "seed: x")
    (tmp_path / "conditions.yaml").write_text(text, encoding="utf-8")
    done = temshift("images", "database", "conditions.yaml", "--output", "out")
    assert done.returncode == 2
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "dose: 400" in line or "seed: x" in line]
    assert all(f"line {number}," in done.stderr for number in lines) and len(lines) == 2
    assert not (tmp_path / "out").exists()


def test_an_aperture_too_wide_for_the_database_is_told(temshift: Temshift, tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("cutoff_mrad: 12.0", "cutoff_mrad: 30")
    (tmp_path / "conditions.yaml").write_text(text, encoding="utf-8")
    done = temshift("images", "database", "conditions.yaml", "--output", "out")
    assert done.returncode == 2
    assert done.stderr.count("at most 24.61 mrad, or sample finer") == 1  # for 7 of 8 conditions
    assert "line 32, conditions.0: sets test, training: 'defocus -10 nm', 'defocus +0 nm', " in done.stderr
    assert "and 1 more: semiangle_cutoff_mrad reaches 30" in done.stderr
    assert "blurred" not in done.stderr
    assert not (tmp_path / "out").exists()


UNSERVED = {
    "energy": ("energy_kev: 300", "energy_kev: 200", "energy_kev: sets test, training: given 200, but its waves were"),
    "binning": ("binning: 1", "binning: 5", "imaging.camera.binning: sets test, training: 5 does not divide 48 x 48"),
    "focal spread": (
        "defocus_nm: 8",
        "focal_spread_fwhm_nm: 2000\n    defocus_nm: 8",
        "'residual aberrations': the focal spread turns phases by",
    ),
    "MTF above NTF": (
        "defocus_nm: 8",
        "ntf_half_frequency: 0.1\n    defocus_nm: 8",
        "'residual aberrations': the MTF is",
    ),
}


@pytest.mark.parametrize("case", UNSERVED)
def test_what_the_database_or_the_camera_can_not_serve_is_told_with_its_line(
    temshift: Temshift, tmp_path: Path, case: str
) -> None:
    right, wrong, message = UNSERVED[case]
    text = EXAMPLE.read_text(encoding="utf-8").replace(right, wrong)
    (tmp_path / "conditions.yaml").write_text(text, encoding="utf-8")
    done = temshift("images", "database", "conditions.yaml", "--output", "out")
    place = "name: residual" if "residual" in message else wrong
    line = next(number for number, line in enumerate(text.splitlines(), 1) if place in line)
    assert done.returncode == 2
    assert done.stderr.startswith(f"temshift: conditions.yaml: 1 fault\n  line {line}, ")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_looks_like_a_mistake_is_told_once_and_the_images_are_made(temshift: Temshift, tmp_path: Path) -> None:
    text = "seed: 1\nconditions: [{name: plain, dose_e_per_A2: 400, defocus_nm: 5, C30_mm: 2.7e-7}]\n"
    (tmp_path / "conditions.yaml").write_text(text, encoding="utf-8")
    done = temshift("images", "database", "conditions.yaml", "--output", "out", "--workers", 0)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "C30 = 2.7e-07 mm is implausibly small for the spherical aberration; 2.7 mm is 2.7e+07 A" in warnings[0]
    assert "'plain': without an aperture images end with the grid, at" in warnings[1]
    assert "6 images" in done.stdout


@pytest.mark.parametrize("verb", ["images", "export"])
def test_an_interruption_ends_with_130_and_says_what_is_left(
    temshift: Temshift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "write_images" if verb == "images" else "export_waves", interrupted)
    words = (EXAMPLE,) if verb == "images" else ()
    done = temshift(verb, "database", *words, "--output", "out")
    assert done.returncode == 130
    message = "the same command goes on" if verb == "images" else "nothing was written to out"
    assert message in done.stderr


def test_an_export_that_is_interrupted_once_its_file_is_whole_says_so_and_goes_on(
    temshift: Temshift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export.export_waves

    def interrupted(*given: Any, **options: Any) -> None:
        whole(*given, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "export_waves", interrupted)
    done = temshift("export", "database", "--output", "waves.h5")
    assert (done.returncode, done.stdout) == (130, "")
    assert "interrupted; waves.h5 is whole" in done.stderr
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "waves.h5").read_bytes()
    done = temshift("export", "database", "--output", "waves.h5")
    assert done.returncode == 0
    assert "everything was there already" in done.stderr
    assert done.stdout.startswith("waves.h5: ")
    assert (tmp_path / "waves.h5").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_an_interrupt_after_the_last_line_ends_the_command_in_peace(
    temshift: Temshift, tmp_path: Path, number: int
) -> None:
    code = "import sys; from temshift.cli.app import main; main()"
    words = [sys.executable, "-c", code, "export", "database", "-o", "waves.h5"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, text=True, **pipes)  # type: ignore[call-overload]
    assert process.stdout.readline().startswith("waves.h5: ")
    time.sleep(0.01 * number)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=100)
    assert process.returncode in (0, 130)
    assert "Traceback" not in errors and "KeyboardInterrupt" not in errors
    done = temshift("export", "database", "-o", "waves.h5")
    assert done.returncode == 0
    assert "everything was there already" in done.stderr
