"""The verbs that hand a database to others: images and exit waves."""

from pathlib import Path

from rich.console import Console

from temshift.cli.verbs.progress import progress_for, warn_of
from temshift.cli.verbs.run import require_device
from temshift.cli.verbs.shared import Interrupted, going_on, range_of, refuse_faults
from temshift.databases import export_waves
from temshift.exitwaves import listed, wave_sources
from temshift.image_sets import ImageFormat, ImagePlan, image_faults, write_images
from temshift.storage import read_table
from temshift.workflows import open_conditions


def images(
    folder: Path, conditions: Path, output: Path, kind: tuple[ImageFormat, str | None], how: tuple[int, str]
) -> None:
    """Write an image set; ``kind`` is the format and the only set, ``how`` the number of workers and the device."""
    (written_as, one_set), (workers, device) = kind, how
    opened = open_conditions(conditions)
    image_set = opened.image_set()
    require_device(device)
    progress = progress_for(Console(stderr=True))
    sources = wave_sources(folder, one_set, remark=progress.warning)
    faults = image_faults(image_set, sources, written_as)
    refuse_faults(conditions, [(opened.place(place), fault) for place, fault in faults])
    plan = ImagePlan(image_set, sources, written_as)
    warn_of(plan.remarks(), progress)
    with going_on(output):
        made = write_images(plan, output, workers=workers, device=device, progress=progress)
    count = len(read_table(made.table))
    pixels = "8 bit, for the eye" if written_as == "png" else f"{plan.dtype.name}, {plan.unit}"
    _print(f"{count} images ({pixels}), {len(plan.conditions)} conditions\ntable: {made.table}")


def waves(folder: Path, output: Path, one_set: str | None, specimens: str | None, gzip: int) -> None:
    """Write exit waves to one HDF5 file."""
    chosen, progress = range_of("--specimens", specimens), progress_for(Console(stderr=True))
    sources = wave_sources(folder, one_set, remark=progress.warning)
    there = output.exists()
    try:
        export_waves(sources, output, specimens=chosen, gzip=gzip, progress=progress)
    except KeyboardInterrupt:
        state = f"{output} is whole" if output.exists() and not there else f"nothing was written to {output}"
        raise Interrupted(f"interrupted; {state}") from None
    _print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, sets {listed(source.words for source in sources)}")


def _print(text: str) -> None:
    Console().print(text, soft_wrap=True, markup=False, highlight=False)
