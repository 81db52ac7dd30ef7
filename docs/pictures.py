"""Draw the pictures of the README from a finished quick study: python docs/pictures.py [STUDY_FOLDER]."""

import sys
from pathlib import Path

from temshift.report import build_matrix, load_study, matrix_figure

DOCS = Path(__file__).parent
QUICK_STUDY = DOCS.parent / "studies" / "quick-study"


def main() -> None:
    """Write docs/quick_study.png."""
    study = load_study(Path(sys.argv[1]) if len(sys.argv) > 1 else QUICK_STUDY)
    figure = matrix_figure(build_matrix(study.results, study.metrics))
    figure.savefig(DOCS / "quick_study.png", dpi=110)


if __name__ == "__main__":
    main()
