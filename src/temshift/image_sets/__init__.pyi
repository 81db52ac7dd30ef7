from .image_set import ImagePlan, ImageSet
from .writing import write_images

__all__ = [
    "ImagePlan",
    "ImageSet",
    "write_images",
]
