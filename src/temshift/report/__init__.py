"""Figures and one self-contained page, drawn from the saved tables and pictures of a study alone."""

from temshift.report.figures import matrix_figure
from temshift.report.matrix import Matrix, build_matrix
from temshift.report.page import report_html, write_report
from temshift.report.tables import StudyTables, load_study

__all__ = [
    "Matrix",
    "StudyTables",
    "build_matrix",
    "load_study",
    "matrix_figure",
    "report_html",
    "write_report",
]
