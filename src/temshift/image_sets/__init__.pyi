from .image_set import ImageFormat, ImagePlan, ImageSet, folder_name, image_faults
from .writing import write_images

__all__ = [
    "ImageFormat",
    "ImagePlan",
    "ImageSet",
    "folder_name",
    "image_faults",
    "write_images",
]
