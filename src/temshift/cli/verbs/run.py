"""The verbs run, check, report and demo, once their options are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import torch
from rich.console import Console
from rich.table import Table

from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.shared import going_on
from temshift.cli.verbs.tables import formula_text, number_text, say, text_table
from temshift.conditions import ImagingConditions, lens_remarks, told_together
from temshift.configuration import Configuration, write_document
from temshift.core import InputError
from temshift.databases import Database, error_remark, size_text
from temshift.execution import duration_text
from temshift.image_sets import ImageSet
from temshift.information import SHIPPED_ENERGY
from temshift.networks import parameter_count, runs_code, unfilled, with_code
from temshift.report import write_report
from temshift.scoring import ScoringConditions
from temshift.storage import read_json, read_table
from temshift.studies import Estimate, Study, StudyFolder, estimate, estimate_database, parameters_of, run_study
from temshift.workflows import ConditionSource, SingleNetwork, forming_remarks, load_any, load_input, resolved_plain

STUDIES = Path("studies")
MOST_TRAININGS = 40  # that a run ends with a table of


class Who(NamedTuple):
    """The workers that run a study, and how failures are retried; see ``temshift.studies.run_study``."""

    workers: int
    device: str
    scheduler: str | None = None
    retries: int = 1
    retry_failed: bool = False
    networks: range | None = None


def run(study_file: Path, output: Path | None, who: Who, code: Path | None = None) -> None:
    """Run a study and print a short summary; a factory's code is imported from the folder ``code`` alone."""
    study = load_input(study_file, Study)
    study = study.model_copy(update={"network": with_code(study.network, code)})
    if who.scheduler is None:
        require_device(who.device)
    progress = progress_for(Console(stderr=True))
    root = output or STUDIES / study.slug
    some = who.networks is not None
    warn_of(study.remarks(), progress)
    with going_on(root):
        folder = run_study(study, root, **who._asdict(), progress=progress)
    if not some:
        _summarise(folder, Console())


def check(file: Path, workers: int, device: str) -> None:
    """Print the kind of a file and its content, resolved; of a study or database, estimate its cost by a trial."""
    kind, content = load_any(file)
    require_device(device)
    console = Console()
    say(console, f"# {file} is {kind.name}, for {verbs_text(kind.verbs)}")
    plain = content.resolved() if isinstance(content, (Study, Database)) else resolved_plain(content)
    console.print(write_document(plain), markup=False, highlight=False, soft_wrap=True)
    warn_of(_remarks(file, content), progress_for(Console(stderr=True)))
    if isinstance(content, (Study, SingleNetwork)) and not _print_parameters(content, console):
        return
    if isinstance(content, (Study, Database)):
        cost = estimate(content, device) if isinstance(content, Study) else estimate_database(content, device)
        _print_estimate(cost, workers, console)


def _print_parameters(content: Study | SingleNetwork, console: Console) -> bool:
    """Print how many parameters networks have, and return whether they are known: no code is run for that."""
    if runs_code(content.network):
        say(
            console,
            "# the network is made by code, which check does not run: its parameters and the cost of its training are "
            "not known; temshift run and train take --allow-code FOLDER",
        )
        return False
    counts = parameters_of(content) if isinstance(content, Study) else [parameter_count(unfilled(content.network))]
    say(console, f"# parameters of a network: {', '.join(f'{count:,}' for count in dict.fromkeys(counts))}")
    return True


def verbs_text(verbs: Sequence[str]) -> str:
    """Write the verbs that take a file.

    Examples
    --------
    >>> verbs_text(["train"]), verbs_text(["images", "ctf", "score"])
    ('temshift train', 'temshift images, ctf or score')
    """
    return "temshift " + " or ".join(part for part in (", ".join(verbs[:-1]), verbs[-1]) if part)


def _remarks(file: Path, content: Configuration) -> list[str]:
    """Remarks on a file that needs no waves to be judged."""
    if isinstance(content, Study):
        return content.remarks()
    if not isinstance(content, (ImageSet, ScoringConditions, ImagingConditions)):
        return []
    files = [ConditionSource(file, content).conditions(role) for role in ("training", "test")]
    named = files[0].named | files[1].named
    forming = forming_remarks(files, files[0].energy or SHIPPED_ENERGY, None)
    return [*told_together(lens_remarks(list(named.items()))), *forming]


def report(folder: Path) -> None:
    """Draw the report of a study folder again."""
    if not any((folder / name).exists() for name in ("study.yaml", "conditions.yaml")):
        raise InputError(f"{folder} holds no study.yaml; name a folder that temshift run or temshift score has filled")
    page = write_report(folder, progress_for(Console(stderr=True)).warning)
    Console().print(f"report: {page}", soft_wrap=True, markup=False, highlight=False)


def require_device(device: str) -> None:
    """Refuse a device that this machine lacks."""
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "--device cuda: no CUDA device is usable here; take --device cpu, or install a CUDA build of torch"
        )


def _summarise(folder: StudyFolder, console: Console) -> None:
    manifest, prediction = read_json(folder.manifest), read_json(folder.root / "prediction.json")
    results = read_table(folder.table("results"))
    _print_losses(results, folder, console)
    console.print(_judgement(prediction))
    seconds = sum(stage["seconds"] for stage in manifest["stages"])
    console.print(
        f"{manifest['networks']} networks, {len(results)} evaluations, {seconds:.0f} s\n"
        f"{formula_text(prediction)}\nreport: {folder.report.resolve()}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _print_losses(results: pl.DataFrame, folder: StudyFolder, console: Console) -> None:
    """One row a training distribution: its median, best and worst test condition; if they are many, none."""
    cells = results.group_by("training_name", "test_name", maintain_order=True).agg(pl.col("f1").mean())
    names = cells["training_name"].unique(maintain_order=True).to_list()
    if len(names) > MOST_TRAININGS:
        say(console, f"{len(names)} training distributions; temshift results {folder.root} has a row for each")
        return
    rows = [_ends(name, cells.filter(pl.col("training_name") == name).drop_nulls("f1").sort("f1")) for name in names]
    say(console, "F1 over the test conditions (mean over seeds)")
    console.print(text_table(("trained on", "median F1", "best", "worst"), rows, numbers=("median F1",)))


def _ends(name: str, ranked: pl.DataFrame) -> list[str]:
    if ranked.is_empty():
        return [name, "-", "-", "-"]
    best, worst = (f"{ranked['f1'][end]:.2f} {ranked['test_name'][end]}" for end in (-1, 0))
    return [name, number_text(ranked["f1"].median(), 2), best, worst]


def _judgement(prediction: dict[str, Any]) -> Table:
    titles, rows = ("model of ln(cross-entropy)", "R2, test left out", "R2, training left out"), []
    for model in prediction["models"]:
        if model["in_sample"]:
            rows.append([f"{model['name']} (in sample)", number_text(model["r2_in_sample"], 2), ""])
        else:
            numbers = [number_text(model[f"r2_left_out_{role}"], 2) for role in ("test", "training")]
            rows.append([model["name"], *numbers])
    return text_table(titles, rows, numbers=titles[1:])


def _print_estimate(cost: Estimate, workers: int, console: Console) -> None:
    table = Table(
        "makes",
        "number",
        "seconds of one core",
        title="What it makes (time measured by a short trial)",
    )
    for name, count, seconds in cost.rows:
        table.add_row(name, str(count), f"{seconds:.0f}")
    console.print(table)
    console.print(
        f"about {duration_text(cost.seconds / max(workers, 1))} with {max(workers, 1)} workers; "
        f"about {size_text(cost.bytes)} on disk, {size_text(cost.worker_bytes)} of memory a worker",
        highlight=False,
        soft_wrap=True,
    )
    if cost.errors:
        least, most = (100 * end(cost.errors) for end in (min, max))
        say(console, f"sampling and slices change images by {least:.1f} to {most:.1f} % of their standard deviation")
        warn_of([remark] if (remark := error_remark(cost.errors)) else [], progress_for(Console(stderr=True)))
