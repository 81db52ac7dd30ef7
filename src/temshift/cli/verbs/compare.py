"""The verb ``compare``: distributions of imaging conditions, compared without training anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.tables import number_text, say, table_console, text_table
from temshift.core import InputError
from temshift.information import (
    NOTABLE,
    Comparison,
    Estimate,
    RuleName,
    Side,
    Verdict,
    compare_many,
    observer_text,
)
from temshift.storage import replacing, require_writable
from temshift.workflows import (
    ConditionsFile,
    bench_for,
    forming_remarks,
    measured_library,
    opened_sides,
    read_conditions,
)

PICTURES = (".png", ".svg")
TABLED = ("sigma", "distance", "distance_log_aperture", "overlap", "cosine")
TITLES = (
    "training",
    "test",
    "epsilon (training)",
    "epsilon (test)",
    "sigma",
    "d",
    "d (ln S, aperture)",
    "overlap",
    "cosine",
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Requests of the command line, apart from the files.

    Attributes
    ----------
    specimens : str, optional
        A recipe, a database, or the name of a crystal.
    of_sides : pair of str, optional
        In their place those of the training and of the test.
    energy_kev, sampling : float, optional
        Energy and size of a pixel [A], if files don't give them.
    names : pair of sequences of str
        Conditions of the training and of the test file; all of them if empty.
    rules : sequence of RuleName
        Observers.
    all_numbers : bool
        Whether to print sigma and all other numbers after the verdict.
    as_json : bool
        Whether to print JSON.
    picture : Path, optional
        The picture to draw.
    """

    specimens: str | None
    of_sides: tuple[str | None, str | None] = (None, None)
    energy_kev: float | None
    sampling: float | None
    names: tuple[Sequence[str], Sequence[str]]
    rules: Sequence[RuleName]
    all_numbers: bool
    as_json: bool
    picture: Path | None


def compare(train: Path, test: Path, asked: Asked) -> None:
    """Compare the conditions of two files; print the differences, and draw them if asked to."""
    files = [
        read_conditions(train, "training").only(asked.names[0]),
        read_conditions(test, "test").only(asked.names[1]),
    ]
    if asked.picture is not None:
        _require_picture(asked.picture, files)
    opened = opened_sides(asked.specimens, *asked.of_sides)
    bench = bench_for(files, opened, energy_kev=asked.energy_kev, sampling_angstrom=asked.sampling, rules=asked.rules)
    for remark in forming_remarks(files, bench.energy, bench.sampling):
        Console(stderr=True).print(f"warning: {remark}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    progress = None if not opened.each else progress_for(Console(stderr=True))
    library = measured_library(opened, bench, [*files[0].named.values(), *files[1].named.values()], progress)
    compared = compare_many(files[0].named, files[1].named, library, bench)
    if asked.picture is not None:
        draw(compared[0], asked.picture)
    _print(compared, asked)


def _require_picture(picture: Path, files: Sequence[ConditionsFile]) -> None:
    if picture.suffix.lower() not in PICTURES:
        raise InputError(f"--picture {picture}: unknown ending; allowed: {', '.join(PICTURES)}")
    several = [f"{one.path} has {len(one.named)}" for one in files if len(one.named) > 1]
    if several:
        raise InputError(
            f"--picture draws one pair, and {' and '.join(several)} conditions; choose with --train-name and "
            "--test-name"
        )
    require_writable(picture)


def draw(comparison: Comparison, picture: Path) -> None:
    """Draw the figure of one comparison."""
    from temshift.figures import ComparedCurves, compare_figure, save_figure

    sides = [(side.name, side.information) for side in (comparison.training, comparison.test)]
    curves = [ComparedCurves(name, one.transfer_rms, one.q, one.spectrum, one.bits) for name, one in sides]
    bands = [(band.kind, band.low, band.high) for band in comparison.bands]
    sigma = f"sigma = {comparison.pair.sigma.value:.2f}"
    title = sigma if comparison.verdict is None else f"predicted: {comparison.verdict.outcome}\n{sigma}"
    with replacing(picture) as temporary:
        save_figure(compare_figure(comparison.q, curves[0], curves[1], bands, title), temporary)


def _print(compared: Sequence[Comparison], asked: Asked) -> None:
    console = table_console()
    if asked.as_json:
        plain = [comparison.to_dict() for comparison in compared]
        text = json.dumps(plain[0] if len(plain) == 1 else plain, indent=1, allow_nan=False)
        console.print(text, soft_wrap=True, markup=False, highlight=False)
        return
    if len(compared) == 1:
        _print_pair(console, compared[0], asked.all_numbers)
    else:
        _print_pairs(console, compared, asked)
    if not asked.all_numbers:
        say(console, "--all prints sigma, epsilon and all other numbers")
    if asked.picture is not None:
        say(console, f"picture: {asked.picture}")


def _print_pair(console: Console, comparison: Comparison, all_numbers: bool) -> None:
    lines = [repr(comparison)] if all_numbers else comparison.summary_lines()
    for line in lines:
        say(console, line)


def _print_pairs(console: Console, compared: Sequence[Comparison], asked: Asked) -> None:
    """Print the worst of the verdicts, all of them as a table, and with ``--all`` the numbers as another."""
    verdicts = [one.verdict for one in compared if one.verdict is not None]
    good = sum(verdict.factor < NOTABLE for verdict in verdicts)
    say(console, max(verdicts, key=lambda verdict: verdict.factor).sentence)
    say(console, f"that is the worst of {len(verdicts)} pairs; {good} are about as good as trained there")
    console.print(_verdict_table(verdicts))
    if asked.all_numbers:
        console.print(_table(compared, asked.rules))
    say(console, f"predicted by {observer_text(verdicts[0].rule)}, not measured with networks")
    for remark in dict.fromkeys(remark for one in compared for remark in one.remarks):
        say(console, f"note: {remark}")


def _verdict_table(verdicts: Sequence[Verdict]) -> Table:
    titles = ("training", "test", "factor", "CE on test", "if trained there", "verdict")
    rows = [
        [
            verdict.training,
            verdict.test,
            *map(number_text, (verdict.factor, verdict.there.cross_entropy, verdict.own.cross_entropy)),
            verdict.outcome + ("; near chance even if trained there" if verdict.hopeless else ""),
        ]
        for verdict in verdicts
    ]
    return text_table(titles, rows, numbers=titles[2:5])


def _table(compared: Sequence[Comparison], rules: Sequence[RuleName]) -> Table:
    scores = [title for rule in rules for title in (f"CE {rule}", f"CE {rule}, back")]
    rows = [
        [
            one.training.name,
            one.test.name,
            number_text(one.training.information.epsilon),
            number_text(one.test.information.epsilon),
            *(_value(getattr(one.pair, name)) for name in TABLED),
            *(_score(side, rule) for rule in rules for side in (one.training, one.test)),
        ]
        for one in compared
    ]
    return text_table((*TITLES, *scores), rows, numbers=(*TITLES[2:], *scores))


def _score(side: Side, rule: RuleName) -> str:
    return number_text(side.observers[rule][1].cross_entropy)


def _value(estimate: Estimate | None) -> str:
    return number_text(None if estimate is None else estimate.value)
