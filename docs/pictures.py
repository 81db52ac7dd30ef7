"""Draw the pictures of the README: python docs/pictures.py STUDY_FOLDER DATABASE_FOLDER SPECIMENS_FOLDER.

The study is the quick study; the database holds some shards of examples/full_protocol.yaml, simulated with --shards,
and its contact sheet (temshift inspect --picture); the specimens are 8 of examples/specimens.yaml.
"""

import sys
from pathlib import Path

from PIL import Image

from temshift.report import build_matrix, load_study, matrix_figure

DOCS = Path(__file__).parent
COLOURS, WIDTH = 64, 960


def main() -> None:
    """Write docs/quick_study.png, docs/full_protocol.png and docs/specimens.png."""
    study_folder, database, specimens = map(Path, sys.argv[1:4])
    study = load_study(study_folder)
    figure = matrix_figure(build_matrix(study.results, study.metrics, study.manifest.trainings))
    figure.savefig(DOCS / "quick_study.png", dpi=110)
    shrink(database / "contact_sheet.png", DOCS / "full_protocol.png")
    shrink(specimens / "contact_sheet.png", DOCS / "specimens.png")


def shrink(source: Path, target: Path) -> None:
    """Copy a picture with fewer pixels and colours."""
    picture = Image.open(source).convert("RGB")
    picture.thumbnail((WIDTH, 2 * WIDTH), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
