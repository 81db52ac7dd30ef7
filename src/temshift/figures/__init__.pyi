from .contact_sheets import image_sheet, specimen_sheet

__all__ = [
    "image_sheet",
    "specimen_sheet",
]
