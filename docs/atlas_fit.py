"""Fits the predictor of the atlas to all parts that there are: OMP_NUM_THREADS=1 python docs/atlas_fit.py [FOLDER].

FOLDER (examples/atlas) holds the tables of the parts. Beside them this writes portraits.parquet, which adds those of
new training distributions (a second or two for each of 6 kinds of specimens), and predictor.json; and prints how well
fifths of the conditions and kinds of specimens that are left out whole are predicted, as docs/atlas.md shows it.
"""

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import torch

from temshift.atlas import (
    FILE,
    IN_DISTRIBUTION,
    PORTRAITS,
    Atlas,
    AtlasSpace,
    Judgement,
    Portrait,
    featured,
    fit_predictor,
    portrait_table,
    portraits_for,
    portraits_in,
    read_atlas,
)
from temshift.storage import write_table

TESTS = Path(tempfile.gettempdir()) / "temshift-atlas-tests.parquet"  # a saving of time alone; may be removed
EVERY = 60  # portraits after which they are written, so that an interruption loses little
TITLES = {"ln_cross_entropy": "ln CE", "logit_f1": "logit F1"}
Portraits = dict[tuple[str, str], Portrait]


def completed(path: Path, space: AtlasSpace, wanted: Iterable[tuple[str, str]]) -> Portraits:
    """Return portraits of distributions, from a file that those that it lacks are added to."""
    asked = list(wanted)
    known = dict(portraits_in(pl.read_parquet(path))) if path.exists() else {}
    lacking = len(set(asked) - set(known))
    for count, (kind, name, portrait) in enumerate(portraits_for(space, asked, known), start=1):
        known[kind, name] = portrait
        if count % EVERY == 0 or count == lacking:
            keep(path, known)
            print(f"{count} of {lacking} portraits for {path.name}", file=sys.stderr, flush=True)
    return known


def keep(path: Path, portraits: Portraits) -> None:
    """Write portraits, by kind and name."""
    write_table(path, portrait_table((kind, name, portraits[kind, name]) for kind, name in sorted(portraits)))


def portraits_of(atlas: Atlas, space: AtlasSpace, folder: Path) -> Portraits:
    """Return portraits of all trainings and tests that the atlas has scores of."""
    cells = atlas.cells()
    trained = cells.select("kind", "training_name").unique().rows()
    tested = cells.filter(pl.col("test_name") != IN_DISTRIBUTION).select("kind", "test_name").unique().rows()
    return completed(folder / PORTRAITS, space, trained) | completed(TESTS, space, tested)


def tell(judgements: dict[str, list[Judgement]]) -> None:
    """Print how well is predicted what was left out."""
    for name, some in judgements.items():
        print(f"\n| {TITLES[name]}, left out | cells | R2 | one line's R2 | RMSE | in 90 % intervals |")
        print("|---|---|---|---|---|---|")
        for one in some:
            held = "-" if one.covered is None else f"{one.covered:.1%}"
            numbers = f"{one.explained:.3f} | {one.line_explained:.3f} | {one.rmse:.3f} | {held}"
            print(f"| {one.left_out} | {one.cells:,} | {numbers} |")


def main(folder: Path) -> None:
    """Read, fit, print, write."""
    torch.set_num_threads(1)
    space, atlas = AtlasSpace.shipped(), read_atlas([folder])
    print(f"{atlas.extent}, {atlas.parts} parts")
    portraits = portraits_of(atlas, space, folder)
    started = time.monotonic()
    cells = featured(atlas.cells(), space, portraits)
    print(f"{len(cells):,} cells with features in {time.monotonic() - started:.0f} s", file=sys.stderr)
    started = time.monotonic()
    predictor = fit_predictor(cells, space, extent=atlas.extent, study=atlas.study)
    print(f"fitted and judged in {time.monotonic() - started:.0f} s", file=sys.stderr)
    tell(dict(predictor.judgements))
    predictor.write(folder / FILE)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "examples" / "atlas")
