"""The command ``temshift``; heavy packages are imported by the verbs that need them."""

import os
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from temshift.cli.compare import compare
from temshift.cli.design import design
from temshift.core.errors import TemshiftError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="How far can a segmentation network for HRTEM micrographs be trusted away from its training conditions?",
)


class ImageFormat(StrEnum):
    """How images are written."""

    tiff = "tiff"
    png = "png"
    hdf5 = "hdf5"


class Device(StrEnum):
    """Where arrays live."""

    cpu = "cpu"
    cuda = "cuda"


StudyFile = Annotated[Path, typer.Argument(help="A study file (YAML).", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Study folder. Default: studies/NAME.", show_default=False),
]
StudyFolder = Annotated[Path, typer.Argument(help="A study folder.", show_default=False)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-w", min=0, help="Processes of one thread each; 0: none. Default: one a core."),
]
Waves = Annotated[Path, typer.Argument(help="A database, a study folder, or one wave store in it.", show_default=False)]
OneSet = Annotated[
    str | None, typer.Option("--set", help="The only set to take, such as training. Default: all.", show_default=False)
]
On = Annotated[Device, typer.Option("--device", help="Where to compute.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"temshift {version('temshift')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    study: StudyFile,
    output: Output = None,
    workers: Workers = None,
    device: On = Device.cpu,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            help="Dask cluster that works instead: tcp://HOST:PORT, or its scheduler file.",
            show_default=False,
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="How often a task is done again whose worker died.")
    ] = 1,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try networks again that failed in an earlier run.")
    ] = False,
) -> None:
    """Run a study, from atoms to report. The same command goes on after an interruption."""
    from temshift.cli import verbs

    who = verbs.Who(_worker_count(workers, device), device.value, scheduler, retries, retry_failed)
    verbs.run(study, output, who)


@app.command()
def status(
    folder: StudyFolder,
    watch: Annotated[bool, typer.Option("--watch", help="Tell again every two seconds, until the run ends.")] = False,
) -> None:
    """Tell how far a study is: networks done, running, failed, waiting, and the time left."""
    from temshift.cli import studies

    studies.status(folder, watch)


@app.command()
def runs(
    folder: StudyFolder,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, each with its reason.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Each network, however many there are.")] = False,
) -> None:
    """List the networks of a study, each with its state; more than 100 are counted by what they are trained on."""
    from temshift.cli import studies

    studies.runs(folder, failed, every)


@app.command()
def results(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="One or more folders of studies or of temshift score; they are merged.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the whole table: .csv, .parquet or .json.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print each row, however many there are.")] = False,
) -> None:
    """Print a row for each network x test condition, or a summary of more than 60; write all columns to a file."""
    from temshift.cli import results as verb

    verb.results(folders, output, every)


@app.command()
def train(
    file: Annotated[Path, typer.Argument(help="One network to train (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the network.", show_default=False)],
    device: On = Device.cpu,
) -> None:
    """Train one network on a wave database, and keep its weights with a card of what it is."""
    from temshift.cli import studies

    studies.train(file, output, device.value)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A study or a database file (YAML).", show_default=False)],
    device: On = Device.cpu,
    workers: Workers = None,
) -> None:
    """Validate a study or a database; print it resolved, what it makes, and a measured estimate; write nothing."""
    from temshift.cli import verbs

    verbs.check(file, _worker_count(workers, device), device.value)


@app.command()
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
    from temshift.cli import database as verbs

    verbs.simulate(database, output, _worker_count(workers, device), device.value, shards)


@app.command()
def inspect(
    folder: Annotated[Path, typer.Argument(help="A database or study folder.", show_default=False)],
    picture: Annotated[bool, typer.Option("--picture", help="Draw contact_sheet.png there.")] = False,
) -> None:
    """Print what a wave database holds, and verify every byte of it."""
    from temshift.cli import database as verbs

    verbs.inspect(folder, picture)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A finished study folder.", show_default=False)],
) -> None:
    """Draw report.html of a study folder again."""
    from temshift.cli import verbs

    verbs.report(folder)


@app.command()
def demo(output: Output = None, workers: Workers = None, device: On = Device.cpu) -> None:
    """Run the quick study: about three minutes on two cores."""
    from temshift.cli import verbs

    who = verbs.Who(_worker_count(workers, device), device.value)
    verbs.run(verbs.example("quick_study.yaml"), output, who)


@app.command()
def images(
    folder: Waves,
    conditions: Annotated[Path, typer.Argument(help="An image set (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the images.", show_default=False)],
    written_as: Annotated[ImageFormat, typer.Option("--format", help="How images are written.")] = ImageFormat.tiff,
    one_set: OneSet = None,
    workers: Workers = None,
    device: On = Device.cpu,
) -> None:
    """Write micrographs and masks of a wave database. The same command goes on after an interruption."""
    from temshift.cli import export as verbs

    count = _worker_count(workers, device)
    verbs.images(folder, conditions, output, (written_as.value, one_set), (count, device.value))


@app.command()
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
    from temshift.cli import export as verbs

    verbs.waves(folder, output, one_set, specimens, gzip)


@app.command()
def onnx(
    network: Annotated[
        Path, typer.Argument(help="Folder of one network, or weights in it (safetensors).", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.", show_default=False)],
) -> None:
    """Write a trained network as ONNX, checked to give the same logits. Needs the extra onnx."""
    from temshift.cli import networks as verbs

    verbs.onnx(network, output)


@app.command()
def score(
    database: Annotated[
        Path, typer.Option("--database", help="A database, a study folder, or one wave store.", show_default=False)
    ],
    conditions: Annotated[Path, typer.Option("--conditions", help="Conditions to test on (YAML).", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.", show_default=False)],
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", help="The network: images (n, 1, y, x) to logits, as ONNX.", show_default=False),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option("--network", help="The network: a folder that temshift wrote.", show_default=False),
    ] = None,
    one_set: Annotated[str, typer.Option("--set", help="The specimens to test on.")] = "test",
    device: On = Device.cpu,
) -> None:
    """Score anyone's network on a wave database: the tables and the report that a study has."""
    from temshift.cli import score as verb

    verb.score(onnx, network, verb.Where(database, one_set, conditions), output, device.value)


@app.command()
def predict(
    study: Annotated[Path, typer.Argument(help="A finished study folder.", show_default=False)],
    test: Annotated[Path, typer.Option("--test", help="New conditions to test on (YAML).", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table: .csv or .parquet.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print each row, however many there are.")] = False,
    workers: Workers = None,
) -> None:
    """Predict loss and F1 of a study's networks under new conditions, with intervals, and whether that is possible."""
    from temshift.cli import predict as verb

    count = _worker_count(workers, Device.cpu)
    verb.predict(study, test, as_json=as_json, output=output, every=every, workers=count)


@app.command()
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
    from temshift.cli import specimens as verb

    wanted = min(_worker_count(workers, Device.cpu), count)
    verb.specimens(recipe, output, count=count, seed=seed, first=first, workers=wanted)


@app.command()
def ctf(
    conditions: Annotated[Path, typer.Argument(help="An image set, or a study file (YAML).", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to. Default: ctf/NAME.", show_default=False),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition", "-c", help="Name of a condition; may be repeated. Default: all.", show_default=False
        ),
    ] = None,
    energy_kev: Annotated[
        float | None,
        typer.Option("--energy-kev", min=30, max=1500, help="Electron energy, where the file tells none."),
    ] = None,
    sampling_angstrom: Annotated[
        float | None,
        typer.Option(
            "--sampling-angstrom", min=0.01, max=100, help="Size of a camera's pixel, where the file tells none."
        ),
    ] = None,
    height_nm: Annotated[
        float,
        typer.Option("--height-nm", min=-1e4, max=1e4, help="Height of the object upstream of the plane of focus 0."),
    ] = 0.0,
    signed: Annotated[bool, typer.Option("--signed/--unsigned", help="Draw T, or |T|.")] = True,
) -> None:
    """Draw contrast transfer functions of conditions, with their envelopes and limits, and write them as tables."""
    from temshift.cli import ctf as verb

    wanted = verb.Wanted(energy_kev, sampling_angstrom, height_nm, condition or (), signed)
    verb.ctf(conditions, output, wanted)


app.command()(design)
app.command()(compare)


def _worker_count(wanted: int | None, device: Device) -> int:
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if device is Device.cpu else 1


def main() -> None:
    """Run the command line: 0 done, 1 failed while running, 2 wrong input, 130 interrupted."""
    try:
        app(prog_name="temshift")
    except TemshiftError as error:
        typer.echo(f"temshift: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
