from .data.matrix import Matrix, build_matrix
from .data.study_tables import StudyTables, load_study
from .page.page import report_html, write_report
from .page.segmenting.labelled import labelled_html, verdict_of_labelled
from .page.segmenting.segmentation import (
    ShownParticle,
    ShownSegmentation,
    segmentation_html,
    segmentations_html,
    write_segmentation_page,
)
from .still.figures import matrix_figure

__all__ = [
    "Matrix",
    "ShownParticle",
    "ShownSegmentation",
    "StudyTables",
    "build_matrix",
    "labelled_html",
    "load_study",
    "matrix_figure",
    "report_html",
    "segmentation_html",
    "segmentations_html",
    "verdict_of_labelled",
    "write_report",
    "write_segmentation_page",
]
