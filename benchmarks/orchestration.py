"""What 12,000 networks cost beside their training: expanding, scheduling, writing, gathering, reporting, resuming.

Run as: python benchmarks/orchestration.py [--runs 12000] [--workers 2]

Networks are the smallest there are and take two steps on one image, so that little is left but what it takes to look
after them. The same command is run whole, and again after a kill -9 of the main process when half of the networks
are done; memory is the high-water mark of the main process (VmHWM) for a tenth of the runs and for all of them.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
name: orchestration
seed: 1
specimens:
  cell_nm: [1.6, 1.6]
  substrate: {{thickness_nm: 0.5}}
  particles: {{crystal: CdSe, radius_nm: 0.4, count: 1, gap_nm: 0.2}}
counts: {{training: 1, test: 1}}
exit_waves: {{energy_kev: 300, sampling_angstrom: 0.5, slice_thickness_angstrom: 4.0}}
conditions:
  default: {{dose_e_per_A2: 400, semiangle_cutoff_mrad: 12.0}}
  training:
    - {{name: "defocus {{value:g}} nm", series: defocus_nm, values: {values}, sd: 1.5}}
  test:
    - {{name: in focus, defocus_nm: 0}}
network: {{kind: compact, widths: [4], stem: 8}}
training: {{steps: 2, batch: 1}}
seeds: {seeds}
information: {{specimens: 1, draws: 8}}
examples: {{specimens: 1}}
"""
DISTRIBUTIONS = 40


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        whole = Path(folder) / "whole"
        _tell(whole, options.runs, options.workers)
        _tell(Path(folder) / "few", options.runs // 10, options.workers)
        looked = _seconds([*_command("status"), str(whole)])
        print(f"temshift status of the finished study: {looked:.1f} s", flush=True)
        _resumed(Path(folder) / "killed", options.runs, options.workers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=12_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", help="where to work; the usual place of temporary files by default")
    return parser.parse_args()


def _command(verb: str) -> list[str]:
    return [sys.executable, "-m", "temshift.cli.app", verb]


def _started(root: Path, runs: int, workers: int) -> "subprocess.Popen[str]":
    file = root.with_suffix(".yaml")
    file.write_text(STUDY.format(values=list(range(DISTRIBUTIONS)), seeds=max(1, runs // DISTRIBUTIONS)))
    words = [*_command("run"), str(file), "--output", str(root), "--workers", str(workers)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _tell(root: Path, runs: int, workers: int) -> None:
    """Run a study whole; tell seconds by the clock and of the processors, and megabytes of the main process."""
    started, memory, used = time.monotonic(), 0.0, _processor_seconds()
    process = _started(root, runs, workers)
    assert process.stderr is not None
    for _ in process.stderr:
        memory = _high_water(process.pid) or memory
    if process.wait():
        raise SystemExit("the run failed")
    seconds, busy = time.monotonic() - started, _processor_seconds() - used
    told = f"{seconds:.0f} s, {busy:.0f} s of the processors, {memory:.0f} MB of the main process"
    print(f"{runs} runs, {workers} workers: {told}", flush=True)


def _processor_seconds() -> float:
    """Seconds of all processes that have ended, workers too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _high_water(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")), None)


def _resumed(root: Path, runs: int, workers: int) -> None:
    """Kill a run when half of its networks are there; tell what the same command takes until it trains again."""
    process = _started(root, runs, workers)
    while _there(root) < runs // 2:
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    kept, started = _there(root), time.monotonic()
    process = _started(root, runs, workers)
    while _there(root) <= kept:
        time.sleep(0.02)
    print(f"killed with {kept} networks there: goes on after {time.monotonic() - started:.1f} s", flush=True)
    process.send_signal(signal.SIGINT)
    process.communicate()


def _there(root: Path) -> int:
    try:
        return sum(1 for _ in os.scandir(root / "networks"))
    except FileNotFoundError:
        return 0


def _seconds(words: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
