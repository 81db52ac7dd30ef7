"""The verb that draws contrast transfer functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from temshift.cli.verbs.tables import table_console
from temshift.image_sets import folder_name
from temshift.vocabulary import NANOMETRE
from temshift.workflows import (
    TransferSet,
    limits_table,
    load_transfer_set,
    require_folder,
    together,
    transfer_of,
    write_transfer,
)

PICTURES = Path("ctf")
EPSILON = (
    "epsilon: bits a spatial frequency about the CdSe that comes with temshift; unlike the curves it counts the dose"
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Requests of the command line: the microscope, the object's height [nm], the conditions, T or |T|."""

    energy_kev: float | None
    sampling_angstrom: float | None
    height_nm: float
    names: Sequence[str]
    signed: bool


def ctf(file: Path, output: Path | None, asked: Asked) -> None:
    """Draw and tabulate transfer functions; print their limits."""
    folder = output or PICTURES / folder_name(file.stem)
    require_folder(folder)
    transfer_set = load_transfer_set(
        file,
        energy_kev=asked.energy_kev,
        sampling=asked.sampling_angstrom,
        height=asked.height_nm * NANOMETRE,
    ).only(asked.names)
    _warn(transfer_set, Console(stderr=True))
    curves = transfer_of(transfer_set, signed=asked.signed)
    written, drawn = write_transfer(curves, folder), len(together(curves))
    console = table_console()
    console.print(_limits(limits_table(curves)))
    once = f": {drawn} different curves of {len(curves)} conditions" if drawn < len(curves) else ""
    console.print(f"{len(written)} files in {folder}{once}", soft_wrap=True, markup=False, highlight=False)
    if curves[0].limits["epsilon_bits"] is not None:
        console.print(EPSILON, soft_wrap=True, markup=False, highlight=False)


def _warn(transfer_set: TransferSet, console: Console) -> None:
    for remark in transfer_set.remarks():
        console.print(f"warning: {remark}", style="yellow", markup=False, highlight=False, soft_wrap=True)


_DOSE = ("dose_e_per_A2",)
_COLUMNS = {
    "defocus\n(nm)": ("defocus_nm",),
    "Scherzer\n(nm)": ("scherzer_defocus_nm",),
    "point\nresolution": ("point_resolution_angstrom", "finest_point_resolution_angstrom"),
    "information\nlimit": ("information_limit_angstrom", "finest_information_limit_angstrom"),
    "all\nenvelopes": ("transfer_limit_angstrom", "finest_transfer_limit_angstrom"),
    "dose\n(e/A2)": _DOSE,
    "epsilon\n(bits)": ("epsilon_bits",),
}


def _limits(limits: pl.DataFrame) -> Table:
    """One row a condition; limits that differ between azimuths as the coarsest and the finest."""
    shown = {head: names for head, names in _COLUMNS.items() if limits[names[0]].null_count() < len(limits)}
    table = Table(title="Limits (angstrom)", box=SIMPLE)
    table.add_column("\ncondition", overflow="fold")
    for head in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for row in limits.iter_rows(named=True):
        cells = [
            f"{row[names[0]]:g}" if names == _DOSE else _ends([row[name] for name in names]) for names in shown.values()
        ]
        table.add_row(escape(row["condition"]), *cells)
    return table


def _ends(values: Sequence[float | None]) -> str:
    distinct = dict.fromkeys(f"{value + 0.0:.2f}" for value in values if value is not None)
    return " - ".join(distinct)
