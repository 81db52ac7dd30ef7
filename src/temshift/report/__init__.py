"""One self-contained page and its figures, drawn from saved tables and pictures alone."""

from temshift.report.data.matrix import Matrix, build_matrix
from temshift.report.data.study_tables import StudyTables, load_study
from temshift.report.page.page import report_html, write_report
from temshift.report.still.figures import matrix_figure

__all__ = [
    "Matrix",
    "StudyTables",
    "build_matrix",
    "load_study",
    "matrix_figure",
    "report_html",
    "write_report",
]
