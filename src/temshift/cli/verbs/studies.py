"""The verbs of study folders: how far they are, and which networks failed; and one network alone."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import Interrupted, going_on, refuse_faults
from temshift.cli.verbs.tables import say, table_console, text_table
from temshift.execution import duration_text
from temshift.networks import with_code
from temshift.studies import NetworkRun, Status, StudyFolder, list_runs, read_status, require_study
from temshift.workflows import load_single, open_training, train_opened, training_remarks

SECONDS_BETWEEN_LOOKS = 2.0
STATES = ("done", "running", "failed", "waiting")
MOST_RUNS = 100  # that are listed without being asked for
MOST_RUNNING = 8
RETRY = "temshift run with --retry-failed tries them again"

Failed = list[tuple[NetworkRun, str]]  # each with its reason


def status(folder: Path, watch: bool) -> None:
    """Print how far a study is, once or until no run works there any more."""
    require_study(folder)
    console = Console()
    try:
        if watch and console.is_terminal:
            _watch(folder, console)
        else:
            _print(folder, watch, console)
    except KeyboardInterrupt:
        raise Interrupted("stopped watching; a run that is at work goes on") from None


def runs(folder: Path, failed: bool, every: bool) -> None:
    """Print the networks of a study, or those that failed with their reasons; if they are many, by kind."""
    listed, console = list_runs(folder, _warn), table_console()
    if failed:
        failures = [(run, f"{why.stage}: {why.reason}") for run, _, why in listed if why is not None]
        _print_failed(failures, every, console)
        say(console, f"{len(failures)} of {len(listed)} networks failed{'; ' + RETRY if failures else ''}")
    elif every or len(listed) <= MOST_RUNS:
        rows = [(run.id, run.name, str(run.seed), state) for run, state, _ in listed]
        console.print(text_table(("network", "trained on", "seed", "state"), rows, numbers=("seed",)))
    else:
        _print_counts(listed, console)
        say(console, f"{len(listed)} networks; --all lists them")


def train(file: Path, output: Path, device: str, code: Path | None = None) -> None:
    """Train one network and print its place; a factory's code is imported from the folder ``code`` alone."""
    single = load_single(file)
    single = single.model_copy(update={"network": with_code(single.network, code)})
    opened = open_training(single)
    refuse_faults(file, opened.faults)
    require_device(device)
    progress = progress_for(Console(stderr=True))
    warn_of(training_remarks(opened), progress)
    with going_on(output):
        card = train_opened(opened, output, device=device, progress=progress)
    scores = card["scores"]["training"]
    say(
        Console(),
        f"network {card['id']}: {card['parameters']} parameters; cross-entropy {scores['cross_entropy']:.4f} on what "
        f"it was trained on\n{output.resolve()}",
    )


def _warn(remark: str) -> None:
    progress_for(Console(stderr=True)).warning(remark)


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """Warn of each remark once, however often a folder is looked at."""
    remarks: set[str] = set()

    def warn_once(remark: str) -> None:
        if remark not in remarks:
            remarks.add(remark)
            warn(remark)

    return warn_once


def _watch(folder: Path, console: Console) -> None:
    """Show a status that changes in its place on the terminal."""
    with Live(console=console, auto_refresh=False) as live:
        warn = _once(lambda remark: say(live.console, f"warning: {remark}"))
        while True:
            status = read_status(folder, warn)
            live.update(Text("\n".join(_lines(folder, status)), overflow="ellipsis", no_wrap=True), refresh=True)
            if not status.at_work:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _print(folder: Path, watch: bool, console: Console) -> None:
    """Print a block of lines, and another each time that something has changed."""
    printed: list[str] = []
    warn = _once(_warn)
    while True:
        status = read_status(folder, warn)
        lines = _lines(folder, status)
        if lines != printed:
            say(console, "\n".join(lines))
        if not (watch and status.at_work):
            return
        printed = lines
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _lines(folder: Path, status: Status) -> list[str]:
    """A status, as lines."""
    numbers = ", ".join(f"{status.counts.get(state, 0)} {state}" for state in STATES)
    left = f", {duration_text(status.seconds_left)} left" if status.seconds_left is not None else ""
    head = f"{numbers}; {f'at work{left}' if status.at_work else 'no run at work'}"
    more = len(status.running) - MOST_RUNNING
    running = [*status.running[:MOST_RUNNING], *([f"and {more} more"] if more > 0 else [])]
    return [head, *(f"  {line}" for line in [*running, *_hints(folder, status)])]


def _hints(folder: Path, status: Status) -> list[str]:
    """Commands that a person can give now."""
    why = [f"temshift runs {folder} --failed says why"] if status.counts.get("failed", 0) else []
    on = [f"temshift run {folder / 'study.yaml'} --output {folder} goes on"]
    if status.at_work:
        return why
    report = StudyFolder(folder).report
    drawn = [f"report: {report}"] if report.exists() else []
    return [*why, *(on if status.counts.get("waiting", 0) else drawn or on)]


def _print_failed(failures: Failed, every: bool, console: Console) -> None:
    """One block a network or, if they are many, one a reason."""
    if every or len(failures) <= MOST_RUNS:
        blocks = [(f"{run.id}  {run.name}, seed {run.seed}", reason) for run, reason in failures]
    else:
        first = {reason: run for run, reason in reversed(failures)}
        counts = Counter(reason for _, reason in failures)
        blocks = [(f"{n} networks, such as {first[reason].id}", reason) for reason, n in counts.most_common()]
    for title, reason in blocks:
        say(console, f"{title}\n    {reason}")


def _print_counts(listed: Sequence[tuple[NetworkRun, str, object]], console: Console) -> None:
    counts: dict[str, Counter[str]] = {}
    for run, state, _ in listed:
        counts.setdefault(run.name, Counter())[state] += 1
    states = ("done", "failed", "waiting")
    rows = [(name, *(str(states_of[state]) for state in states)) for name, states_of in counts.items()]
    console.print(text_table(("trained on", *states), rows, numbers=states))
