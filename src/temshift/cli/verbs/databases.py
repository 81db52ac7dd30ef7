"""The verbs of wave databases: simulate and inspect."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import going_on, range_of
from temshift.core import DamagedError
from temshift.databases import (
    DatabaseFolder,
    Inspection,
    draw_contact_sheet,
    inspect_waves,
    simulate_database,
    size_text,
)
from temshift.exitwaves import finished_shards, read_layout
from temshift.workflows import load_database

SHOWN = 10


def simulate(file: Path, output: Path, workers: int, device: str, shards: str | None) -> None:
    """Simulate a database and print the number of specimens of each set."""
    database, chosen = load_database(file), range_of("--shards", shards)
    require_device(device)
    console = Console(stderr=True)
    with going_on(output):
        folder = simulate_database(
            database, output, workers=workers, device=device, shards=chosen, progress=progress_for(console)
        )
    _print_made(folder, list(database.sets), Console())


def inspect(folder: Path, picture: bool) -> None:
    """Print a summary of each wave store; verify every byte."""
    console, warn = Console(), progress_for(Console(stderr=True)).warning
    inspections = inspect_waves(folder, warn)
    for inspection in inspections:
        console.print(str(inspection.place), soft_wrap=True, markup=False, highlight=False)
        console.print(_facts(inspection))
        _print_faults(inspection, console)
        _warn_of_missing(inspection, warn)
    if picture:
        sheet = draw_contact_sheet(folder, inspections)
        console.print(f"picture: {sheet}", soft_wrap=True, markup=False, highlight=False)
    damaged = [one.name for one in inspections if any(state.state == "damaged" for state in one.states)]
    if damaged:
        raise DamagedError(f"damaged: {', '.join(damaged)}; the command that made it makes the damaged shards again")


def _warn_of_missing(inspection: Inspection, warn: Callable[[str], None]) -> None:
    missing = [number for number, state in enumerate(inspection.states) if state.state == "absent"]
    if missing:
        count = "a shard is" if len(missing) == 1 else f"{len(missing)} shards are"
        first = f"{inspection.place.name}/shard-{missing[0]:05d}"
        warn(
            f"{inspection.name}: {count} missing, from {first} on; the command that made the others goes on from there"
        )


def _print_made(folder: DatabaseFolder, names: Sequence[str], console: Console) -> None:
    for name in names:
        layout, made = read_layout(folder.waves(name)), finished_shards(folder.waves(name))
        specimens = sum(len(layout.specimens_of(shard)) for shard in made)
        console.print(
            f"{name}: {specimens} of {layout.count} specimens in {folder.waves(name)}", soft_wrap=True, highlight=False
        )


def _facts(inspection: Inspection) -> Table:
    """A summary of a set, as a table of two columns."""
    table = Table(title=inspection.name, show_header=False)
    for name, value in _rows(inspection):
        table.add_row(name, value)
    return table


def _rows(inspection: Inspection) -> list[tuple[str, str]]:
    layout, waves = inspection.layout, inspection.settings["exit_waves"]
    coverage = inspection.coverage
    return [
        ("specimens", f"{layout.count}, {layout.per_shard} a shard, seed {inspection.settings['seed']}"),
        ("shards", inspection.verdict),
        ("energy", f"{waves['energy_kev']:g} keV"),
        ("thermal motion", _motion(waves["phonons"])),
        ("stored grid", f"{_times(layout.grid.shape)} pixels of {_times(layout.grid.sampling)} A (y x x)"),
        (
            "simulated with",
            f"{waves['sampling_angstrom']:g} A sampling, {waves['slice_thickness_angstrom']:g} A slices"
            + (", or finer for each specimen" if waves.get("accuracy") else ""),
        ),
        ("defocus counts from", waves["focus"].replace("_", " ")),
        ("mask", waves["mask"]["definition"]),
        ("size when complete", size_text(layout.count * layout.specimen_bytes)),
        ("coverage of particles by the mask", f"mean {coverage[0]:.2f}, least {coverage[1]:.2f}" if coverage else "-"),
        *(("made with", _maker(maker)) for maker in inspection.makers),
        *((name, _between(inspection.range_of(key))) for name, key in _RANGES.items()),
    ]


def _motion(phonons: Mapping[str, Any]) -> str:
    """How atoms moved, from the settings of a store."""
    if not phonons["rms_displacement_angstrom"]:
        return "none, atoms at rest"
    if phonons.get("treatment") == "damped":
        return "damped potentials, one wave"
    return f"frozen phonons, {phonons['configurations']} configurations"


_RANGES = {
    "mean height of particles [A]": "particle_height_angstrom",
    "mean height of substrate [A]": "substrate_height_angstrom",
    "focus plane above exit plane [A]": "focus_height_angstrom",
    "error of images to expect, as a share": "expected_image_error",
    "area fraction of particles": "area_fraction",
    "area fraction of the mask": "mask_fraction",
}


def _maker(facts: Mapping[str, str]) -> str:
    return f"temshift {facts['temshift']}, torch {facts['torch']}, {facts['device']}" if facts else "unknown versions"


def _times(pair: Sequence[float]) -> str:
    return " x ".join(f"{value:.5g}" for value in pair)


def _between(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:.3g} to {ends[1]:.3g}"


def _print_faults(inspection: Inspection, console: Console) -> None:
    lines = [f"shard {n}: {state.reason}" for n, state in enumerate(inspection.states) if state.state == "damaged"]
    lines += inspection.warnings
    for line in lines[:SHOWN]:
        console.print(
            f"warning: {inspection.name}: {line}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )
    if len(lines) > SHOWN:
        console.print(f"warning: {inspection.name}: and {len(lines) - SHOWN} more", style="yellow", highlight=False)
