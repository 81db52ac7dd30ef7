"""The verb specimens, once its options are read."""

from pathlib import Path

from rich.console import Console

from temshift.cli.verbs.progress import progress_for
from temshift.cli.verbs.shared import going_on
from temshift.databases import SpecimenSet, write_specimens
from temshift.workflows import load_recipe


def specimens(recipe_file: Path, output: Path, *, count: int, seed: int, first: int, workers: int) -> None:
    """Write specimens of a recipe and print their files."""
    specimen_set = SpecimenSet(load_recipe(recipe_file), seed, first, count)
    with going_on(output):
        files = write_specimens(specimen_set, output, workers=workers, progress=progress_for(Console(stderr=True)))
    Console().print(
        f"{len(files)} specimens: {files[0]} to {files[-1].name}\ncontact sheet: {output / 'contact_sheet.png'}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
