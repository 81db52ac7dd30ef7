"""Signals at random moments, to a run, one of its workers or a report: the results are those of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from faults_processes import children_of, wait_until

from temshift.studies import Study, StudyFolder, run_study

pytestmark = [
    pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers through /proc"),
    pytest.mark.timeout(1800),  # three killed runs and a whole one take a minute, and ten on a machine that is busy
]

Started = Callable[..., "subprocess.Popen[str]"]
Same = Callable[[StudyFolder, StudyFolder], bool]
FEW, MANY = range(2), range(2, 20)
MOMENTS = [
    *(pytest.param(number, marks=pytest.mark.slow) for number in FEW),
    *(pytest.param(number, marks=pytest.mark.faults) for number in MANY),
]
SECONDS_OF_A_RUN, SECONDS_OF_A_REPORT = 14.0, 9.0  # with imports; a machine that is faster ends before some signals
SECONDS_OF_WORK = 6.0  # from the first wave file on: trainings and scores, on a busy machine or not


@pytest.mark.parametrize("number", MOMENTS)
def test_the_main_process(
    number: int, started: Started, undisturbed: StudyFolder, small: Study, tmp_path: Path, same: Same
) -> None:
    output, moment = tmp_path / "study", random.Random(number)
    for _ in range(3):
        process = started("run", "STUDY", "--output", str(output), "--workers", "2")
        _work_a_while(process, output, moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    folder = run_study(small, output, workers=0)
    assert same(folder, undisturbed)
    assert not list(output.rglob(".unfinished-*"))


@pytest.mark.parametrize("number", MOMENTS)
def test_a_worker(number: int, started: Started, undisturbed: StudyFolder, tmp_path: Path, same: Same) -> None:
    """Its task is done again by another worker, within the same run."""
    output, moment = tmp_path / "study", random.Random(1000 + number)
    process = started("run", "STUDY", "--output", str(output), "--workers", "2", "--retries", "2")
    _work_a_while(process, output, moment)
    for victim in moment.sample(children_of(process.pid), k=1) if children_of(process.pid) else []:
        os.kill(victim, signal.SIGKILL)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert same(StudyFolder(output), undisturbed)


@pytest.mark.parametrize("number", MOMENTS)
def test_a_run_at_any_moment_from_its_start_to_its_last_line(
    number: int, started: Started, undisturbed: StudyFolder, small: Study, with_waves: Path, same: Same
) -> None:
    """Killed, ended or interrupted, while it imports, computes, draws its report or prints."""
    moment = random.Random(2000 + number)
    for sent in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        process = started("run", "STUDY", "--output", str(with_waves), "--workers", "0")
        _send_at_random(process, moment.uniform(0, SECONDS_OF_A_RUN), sent)
    folder = run_study(small, with_waves, workers=0)
    assert same(folder, undisturbed)
    assert not list(with_waves.rglob(".unfinished-*"))


@pytest.mark.parametrize("number", MOMENTS)
def test_a_report_at_any_moment(number: int, started: Started, undisturbed: StudyFolder, tmp_path: Path) -> None:
    """Whatever ends it, a report is there whole, and so are the tables and figures when it is drawn again."""
    subprocess.run(["cp", "-a", str(undisturbed.root), str(tmp_path / "study")], check=True)
    folder, moment = StudyFolder(tmp_path / "study"), random.Random(3000 + number)
    expected = undisturbed.report.read_bytes()
    if number % 2:
        folder.report.unlink()
    tables = {name: folder.table(name).read_bytes() for name in ("results", "metrics", "transfer", "tests")}
    for sent in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        process = started("report", str(folder.root))
        _send_at_random(process, moment.uniform(0, SECONDS_OF_A_REPORT), sent)
        assert not folder.report.exists() or folder.report.read_bytes() == expected
    again = started("report", str(folder.root))
    _, errors = again.communicate(timeout=600)
    assert again.returncode == 0, errors
    assert folder.report.read_bytes() == expected
    assert tables == {name: folder.table(name).read_bytes() for name in tables}
    whole = shutil.copytree(undisturbed.root, tmp_path / "whole")
    assert started("report", str(whole)).wait(timeout=600) == 0
    assert _drawn(folder.root) == _drawn(whole)


def _send_at_random(process: "subprocess.Popen[str]", seconds: float, sent: signal.Signals) -> None:
    """Send a signal after some time, if the process still runs; an interrupt ends it without a traceback."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=600)
    expected = {0, -sent, 130} if sent is signal.SIGINT else {0, -sent}
    assert process.returncode in expected, errors


def _drawn(root: Path) -> dict[str, bool]:
    """Figures and tables of the report, and whether each holds something; not the rest that a killed process left."""
    files = [path for name in ("figures", "tables") for path in (root / name).rglob("*") if path.is_file()]
    kept = [path for path in files if ".unfinished-" not in str(path)]
    return {str(path.relative_to(root)): path.stat().st_size > 0 for path in kept}


def _work_a_while(process: "subprocess.Popen[str]", output: Path, moment: random.Random) -> None:
    """Wait until workers are there, and then for a random time."""
    wait_until(lambda: children_of(process.pid) or (output / "report.html").exists(), process)
    deadline = time.monotonic() + moment.uniform(0, SECONDS_OF_WORK)
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
