from .data.matrix import Matrix, build_matrix
from .data.study_tables import StudyTables, load_study
from .page.page import report_html, write_report
from .still.figures import matrix_figure

__all__ = [
    "Matrix",
    "StudyTables",
    "build_matrix",
    "load_study",
    "matrix_figure",
    "report_html",
    "write_report",
]
