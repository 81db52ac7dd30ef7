"""Segmentation: from a micrograph to a mask, and to particles with their sizes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
