"""kill -9 at random moments, of the whole run or of one of its workers: the results are those of an undisturbed run."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults_processes import children_of, wait_until

from temshift.studies import Study, StudyFolder, run_study

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers through /proc")

Started = Callable[..., "subprocess.Popen[str]"]
Same = Callable[[StudyFolder, StudyFolder], bool]
FEW, MANY = range(2), range(2, 20)
MOMENTS = [
    *(pytest.param(number, marks=pytest.mark.slow) for number in FEW),
    *(pytest.param(number, marks=pytest.mark.faults) for number in MANY),
]
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
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert same(StudyFolder(output), undisturbed)


def _work_a_while(process: "subprocess.Popen[str]", output: Path, moment: random.Random) -> None:
    """Wait until workers are there, and then for a random time."""
    wait_until(lambda: children_of(process.pid) or (output / "report.html").exists(), process)
    deadline = time.monotonic() + moment.uniform(0, SECONDS_OF_WORK)
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
