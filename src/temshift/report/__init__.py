"""Figures and one self-contained page, drawn from saved tables and pictures alone; contact sheets."""

from temshift.report.contact_sheets import image_sheet, specimen_sheet
from temshift.report.figures import matrix_figure
from temshift.report.matrix import Matrix, build_matrix
from temshift.report.page import report_html, write_report
from temshift.report.tables import StudyTables, load_study

__all__ = [
    "Matrix",
    "StudyTables",
    "build_matrix",
    "image_sheet",
    "load_study",
    "matrix_figure",
    "report_html",
    "specimen_sheet",
    "write_report",
]
