"""The verbs about specimens, databases and image sets: their options."""

from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.options.common import CONDITIONS, Device, ImageFormat, On, OneSet, Waves, Workers, worker_count


def simulate(
    database: Annotated[
        Path, typer.Argument(help="A database file (YAML), or manifest.json of an older database.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Database folder.", show_default=False)],
    workers: Workers = None,
    device: On = Device.cpu,
    shards: Annotated[
        str | None, typer.Option("--shards", help="Make only shards A:B of each set. Default: all.", show_default=False)
    ] = None,
) -> None:
    """Simulate specimens and exit waves of a database. The same command goes on after an interruption."""
    from temshift.cli.verbs import databases

    databases.simulate(database, output, worker_count(workers, device), device.value, shards)


def inspect(
    folder: Annotated[Path, typer.Argument(help="A database or study folder.", show_default=False)],
    picture: Annotated[bool, typer.Option("--picture", help="Draw contact_sheet.png there.")] = False,
) -> None:
    """Print the contents of a wave database, and verify every byte of it."""
    from temshift.cli.verbs import databases

    databases.inspect(folder, picture)


def images(
    folder: Waves,
    conditions: Annotated[Path, typer.Argument(help=CONDITIONS, show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the images.", show_default=False)],
    written_as: Annotated[ImageFormat, typer.Option("--format", help="How images are written.")] = ImageFormat.tiff,
    one_set: OneSet = None,
    workers: Workers = None,
    device: On = Device.cpu,
) -> None:
    """Write micrographs and masks of a wave database. The same command goes on after an interruption."""
    from temshift.cli.verbs import export

    count = worker_count(workers, device)
    export.images(folder, conditions, output, (written_as.value, one_set), (count, device.value))


def export(
    folder: Waves,
    output: Annotated[Path, typer.Option("--output", "-o", help="A new HDF5 file.", show_default=False)],
    one_set: OneSet = None,
    specimens: Annotated[
        str | None,
        typer.Option("--specimens", help="Numbers A:B of each set, B not included. Default: all.", show_default=False),
    ] = None,
    gzip: Annotated[int, typer.Option("--gzip", min=0, max=9, help="Compression; 1 saves about a quarter.")] = 0,
) -> None:
    """Write exit waves, masks and geometry of a wave database to one HDF5 file."""
    from temshift.cli.verbs import export

    export.waves(folder, output, one_set, specimens, gzip)


def specimens(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A recipe (YAML), or a study or database file with a section specimens.", show_default=False
        ),
    ],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many to write.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.", show_default=False)],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all draws.")] = 0,
    first: Annotated[int, typer.Option("--first", min=0, help="Number of the first specimen.")] = 0,
    workers: Workers = None,
) -> None:
    """Write specimens as extended XYZ with a contact sheet. The same command goes on after an interruption."""
    from temshift.cli.verbs import specimens

    processes = min(worker_count(workers, Device.cpu), count)
    specimens.specimens(recipe, output, count=count, seed=seed, first=first, workers=processes)
