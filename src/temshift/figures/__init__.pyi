from .compare_figure import ComparedCurves, compare_figure
from .contact_sheets import image_sheet, specimen_sheet
from .design_figure import design_figure
from .transfer_figures import Member, TransferCurves, TransferPlane, curve_figure, overview_figure, save_figure
from .transfer_planes import plane_figure

__all__ = [
    "ComparedCurves",
    "Member",
    "TransferCurves",
    "TransferPlane",
    "compare_figure",
    "curve_figure",
    "design_figure",
    "image_sheet",
    "overview_figure",
    "plane_figure",
    "save_figure",
    "specimen_sheet",
]
