"""status, runs, results and train as they are met in a terminal."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filelock import FileLock

from temshift.cli.verbs import results, studies
from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document
from temshift.execution import SilentProgress
from temshift.studies import Plan, Study, StudyFolder, load_study, read_results, run_study
from temshift.studies.running.failures import Failure, note_failure
from temshift.studies.running.status import StatusFile
from temshift.workflows import score_network

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "seeds": 2,
    "counts": {"training": 2, "test": 2},
    "training": {"steps": 2, "batch": 2},
    "network": {"widths": [4]},
    "information": {"specimens": 2, "draws": 4, "observers": False},
    "examples": {"specimens": 1},
}
REASON = "the loss is nan at step 7 [nat a pixel]; take a lower learning_rate than 0.01"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The tiny study with eight networks that hardly learned."""
    text = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")
    whole = read_document(text).data | SETTINGS
    whole["conditions"]["training"][1]["name"] = "all [a]bout"
    return run_study(Study.model_validate(whole), tmp_path_factory.mktemp("verbs") / "study", workers=0)


@pytest.fixture
def study(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    """The same, in the folder `study` of this test; no waves, and one network failed, one is missing."""
    folder = StudyFolder(tmp_path / "study")
    shutil.copytree(finished.root, folder.root, ignore=shutil.ignore_patterns("waves", "spectra"))
    networks = Plan(load_study(folder.study_file)).networks
    for run in networks[:2]:
        shutil.rmtree(folder.scores(run.id))
    note_failure(folder, networks[0], Failure("training", REASON), SilentProgress())
    return folder


def failed_ids(folder: StudyFolder) -> list[str]:
    return [path.stem for path in (folder.root / "failures").glob("*.json")]


def test_status_tells_how_far_a_study_is_and_what_can_be_done(temshift: Callable[..., Any], study: StudyFolder) -> None:
    done = temshift("status", "study")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "6 done, 0 running, 1 failed, 1 waiting; no run at work",
        "  temshift runs study --failed says why",
        "  temshift run study/study.yaml --output study goes on",
    ]


@pytest.mark.slow
def test_what_status_names_goes_on(temshift: Callable[..., Any], study: StudyFolder, finished: StudyFolder) -> None:
    """The very command, after the waves are back."""
    for name in ("waves", "spectra"):
        (study.root / name).symlink_to(finished.root / name)
    line = temshift("status", "study").stdout.splitlines()[-1]
    done = temshift(*line.split()[1:-2], "--workers", "0")
    assert done.returncode == 1
    assert "--failed lists them; --retry-failed tries them again" in done.stderr
    assert "differs" not in done.stderr
    done = temshift(*line.split()[1:-2], "--workers", "0", "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert temshift("status", "study").stdout.splitlines() == [
        "8 done, 0 running, 0 failed, 0 waiting; no run at work",
        "  report: study/report.html",
    ]
    assert read_results(study.root).equals(read_results(finished.root))


def told_by_a_run(study: StudyFolder, count: int) -> None:
    file = StatusFile(study.status, {"done": 3, "waiting": 12})
    file.begin(10)
    file.write("trainings and scores", [(f"training of {n}", 1) for n in range(count)])


def test_status_names_what_runs_as_far_as_it_fits(temshift: Callable[..., Any], study: StudyFolder) -> None:
    told_by_a_run(study, 10)
    with FileLock(study.root / ".lock"):
        lines = temshift("status", "study").stdout.splitlines()
    assert lines[0] == "3 done, 10 running, 0 failed, 2 waiting; at work"
    assert lines[1:] == [*(f"  training of {n}" for n in range(8)), "  and 2 more"]


def test_watching_tells_what_changes_until_the_run_ends(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "SECONDS_BETWEEN_LOOKS", 0.02)
    told_by_a_run(study, 1)
    locked, lock = threading.Event(), FileLock(study.root / ".lock", thread_local=False)

    def work() -> None:
        with lock:
            locked.set()
            time.sleep(0.3)
            told_by_a_run(study, 2)
            time.sleep(0.3)

    worker = threading.Thread(target=work)
    worker.start()
    locked.wait()
    done = temshift("status", "study", "--watch")
    worker.join()
    assert done.returncode == 0
    heads = [line for line in done.stdout.splitlines() if "running" in line]
    assert [re.findall(r"(\d) running", line)[0] for line in heads] == ["1", "2", "0"]
    assert heads[-1].endswith("no run at work")


def test_watching_can_be_stopped(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies.time, "sleep", stop)
    told_by_a_run(study, 1)
    with FileLock(study.root / ".lock"):
        done = temshift("status", "study", "--watch")
    assert done.returncode == 130
    assert done.stderr == "temshift: stopped watching; a run that is at work goes on\n"


def test_runs_lists_every_network_with_its_state(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = temshift("runs", "study")
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if "│" in line]
    assert [line.split("│")[4].strip() for line in lines] == ["failed", "waiting", *["done"] * 6]
    assert [line.split("│")[3].strip() for line in lines] == ["0", "1"] * 4
    assert "all [a]bout" in lines[-1]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_many_networks_are_counted(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "MOST_RUNS", 7)
    done = temshift("runs", "study")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert rows[0] == ["defocus -10 nm", "0", "1", "1"]
    assert rows[-1] == ["all [a]bout", "2", "0", "0"]
    assert done.stdout.endswith("8 networks; --all lists them\n")
    assert temshift("runs", "study", "--all").stdout.count("│ done") == 6


def test_failures_are_told_whole(temshift: Callable[..., Any], study: StudyFolder, finished: StudyFolder) -> None:
    done = temshift("runs", "study", "--failed")
    (failed,) = failed_ids(study)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{failed}  defocus -10 nm, seed 0",
        f"    training: {REASON}",
        "1 of 8 networks failed; temshift run with --retry-failed tries them again",
    ]
    assert temshift("runs", finished.root, "--failed").stdout == "0 of 8 networks failed\n"


def test_many_failures_are_told_by_their_reasons(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "MOST_RUNS", 1)
    networks = Plan(load_study(study.study_file)).networks
    for run in networks[1:4]:
        shutil.rmtree(study.scores(run.id), ignore_errors=True)
        note_failure(study, run, Failure("scores", "damaged"), SilentProgress())
    lines = temshift("runs", "study", "--failed").stdout.splitlines()
    assert lines[:2] == [f"3 networks, such as {networks[1].id}", "    scores: damaged"]
    assert lines[2:4] == [f"1 networks, such as {networks[0].id}", f"    training: {REASON}"]
    assert len(temshift("runs", "study", "--failed", "--all").stdout.splitlines()) == 9


@pytest.mark.parametrize("columns", ["60", "80", "140"])
def test_results_never_break_a_number(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    remarks: list[str] = []
    done, table = temshift("results", "study"), read_results(study.root, remark=remarks.append)
    assert done.returncode == 0
    assert len(remarks) == 1 and remarks[0].startswith("14 of 56 scores are missing")
    assert done.stderr.startswith("warning: 14 of 56 scores are missing, those of 2 of 8 networks; temshift runs")
    assert len(table) == 42
    numbers = [re.findall(r"(?<![-+\w])-?\d\.\d{3}(?!\d)", line) for line in done.stdout.splitlines()]
    rows = [row for row in numbers if row]
    columns_told = ["cross_entropy", "f1", "iou", "calibration_error", "g_id", "g_ood"]
    expected = [
        [f"{value:.3f}" for value in row if value is not None] for row in table.select(columns_told).iter_rows()
    ]
    assert rows == expected
    assert max(map(len, done.stdout.splitlines()[:-1])) <= int(columns)
    heads = [line for line in done.stdout.splitlines() if line.startswith("trained on")]
    assert heads == [f"trained on {name}" for name in table["training_name"].unique(maintain_order=True)]
    assert done.stdout.splitlines()[-1].startswith("42 rows of 6 networks; --output FILE.csv")


def test_many_results_are_summarised(
    temshift: Callable[..., Any], study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MOST_ROWS", 41)
    remarks: list[str] = []
    done, table = temshift("results", "study"), read_results(study.root, remark=remarks.append)
    row = next(line for line in done.stdout.splitlines() if line.startswith("all [a]bout"))
    part = table.filter(pl.col("training_name") == "all [a]bout")
    tests = part.group_by("test_name").agg(pl.col("g_ood").mean()).sort("g_ood")
    lines = [
        part["in_distribution_cross_entropy"].mean(),
        part["g_id"].mean(),
        tests["g_ood"].median(),
        tests["g_ood"][-1],
    ]
    assert row.split()[2:7] == ["2", *(f"{value:.3f}" for value in lines)]
    assert row.rstrip().endswith(tests["test_name"][-1])
    assert "42 rows of 6 networks; --all prints them; --output FILE.csv" in done.stdout
    assert "trained on all [a]bout\n" in temshift("results", "study", "--all").stdout


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_the_whole_table_is_written(temshift: Callable[..., Any], study: StudyFolder, ending: str) -> None:
    done = temshift("results", "study", study.root, "-o", f"table.{ending}")
    assert done.returncode == 0, done.stderr
    with pytest.warns(UserWarning, match="14 of 56 scores are missing"):
        table = read_results(study.root)
    assert done.stdout.endswith(f"table.{ending}: 42 rows, {len(table.columns)} columns\n")
    if ending == "json":
        rows = json.loads(Path("table.json").read_text(encoding="utf-8"))
        assert [row["cross_entropy"] for row in rows] == table["cross_entropy"].to_list()
    else:
        read = (
            pl.read_csv("table.csv", infer_schema_length=None) if ending == "csv" else pl.read_parquet("table.parquet")
        )
        assert read.columns == table.columns
        assert read["g_ood"].to_list() == pytest.approx(table["g_ood"].to_list())
        assert read["training_name"].equals(table["training_name"])


def test_results_of_anyone_s_network_and_of_an_earlier_version_say_so(
    temshift: Callable[..., Any], study: StudyFolder, finished: StudyFolder
) -> None:
    text = study.study_file.read_text(encoding="utf-8").replace("all [a]bout", "renamed")
    changed = parse_configuration(text.replace("seeds: 2", "seeds: 1"), Study, "study.yaml")
    assert changed.seeds == 1
    study.study_file.write_text(text.replace("seeds: 2", "seeds: 1"), encoding="utf-8")
    conditions = {
        "default": {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12},
        "test": [{"name": "x", "defocus_nm": 0}],
    }
    score_network(lambda images: images, finished.root, conditions, "own", identity="0123456789abcdef")
    heads = [line for line in temshift("results", "study", "own").stdout.splitlines() if line.startswith("trained on")]
    assert heads == [
        "trained on defocus +0 nm",
        "trained on defocus +10 nm",
        "trained on renamed",
        "trained on unknown conditions (network 0123456789abcdef)",
        "trained on all [a]bout, of an earlier version of the study",
        "trained on defocus +0 nm, of an earlier version of the study",
        "trained on defocus +10 nm, of an earlier version of the study",
    ]


MISTAKES = {
    ("status", "."): ". holds no study.yaml; name a folder that temshift run has filled",
    ("status", "nowhere", "--watch"): "nowhere holds no study.yaml; name a folder that temshift run has filled",
    ("runs", "nowhere"): "nowhere holds no study.yaml; name a folder that temshift run has filled",
    ("results", "study", "nowhere"): "nowhere holds no study.yaml; name a folder that temshift run",
    ("results", "study", "-o", "table.xlsx"): "--output table.xlsx: end the name in .csv, .parquet, .json",
    ("train", "nowhere.yaml", "-o", "net"): "nowhere.yaml",
    ("train", "net.yaml", "-o", "net"): "line 7, training_set: tiny holds no exit waves",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_told_in_a_line_or_two_and_nothing_is_written(
    temshift: Callable[..., Any], study: StudyFolder, tmp_path: Path, words: tuple[str, ...]
) -> None:
    text = (ROOT / "examples" / "network.yaml").read_text(encoding="utf-8")
    (tmp_path / "net.yaml").write_text(text.replace("seed: 1", "seed: 1\ntraining_set: training"), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    done = temshift(*words)
    assert done.returncode == 2
    assert MISTAKES[words] in done.stderr and done.stderr.startswith("temshift: ")
    assert len(done.stderr.splitlines()) <= 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_without_scores_says_so(temshift: Callable[..., Any], study: StudyFolder) -> None:
    shutil.rmtree(study.root / "scores")
    done = temshift("results", "study")
    assert done.returncode == 2
    assert done.stderr == "temshift: study: no scores yet; see temshift status\n"


def test_one_network_is_trained(temshift: Callable[..., Any], finished: StudyFolder, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "network.yaml").read_text(encoding="utf-8").replace("steps: 60", "steps: 2")
    (tmp_path / "net.yaml").write_text(text.replace("database: tiny", f"database: {finished.root}"), encoding="utf-8")
    done = temshift("train", "net.yaml", "-o", "net")
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "net" / "network.json").read_text(encoding="utf-8"))["facts"]
    first, last = done.stdout.splitlines()
    assert first.startswith(f"network {card['id']}: {card['parameters']} parameters; cross-entropy ")
    assert last == str(tmp_path / "net")
    assert "epochs: done, 1 of 1" in done.stderr or "epochs: done, 2 of 2" in done.stderr
    again = temshift("train", "net.yaml", "-o", "net")
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "the network was there already\n")
    (tmp_path / "other.yaml").write_text(
        (tmp_path / "net.yaml").read_text(encoding="utf-8").replace("seed: 1", "seed: 2")
    )
    other = temshift("train", "other.yaml", "-o", "net")
    assert other.returncode == 2
    assert other.stderr == f"temshift: net holds another network, {card['id']}; name another folder with --output\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
@pytest.mark.parametrize("words", [["results"], ["runs"], ["status"]])
def test_a_full_disk_behind_standard_output_is_one_error(
    temshift: Callable[..., Any], finished: StudyFolder, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        done = temshift(*words, finished.root)
    assert done.returncode == 1
    assert done.stderr.count("temshift: cannot write to standard output: No space left on device") == 1
    assert "Traceback" not in done.stderr
