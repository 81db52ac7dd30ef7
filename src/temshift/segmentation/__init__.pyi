from .cleaning.steps import Cleaned, Cleaning, Step, cleaned
from .files import FILES, RECORD, calibrated_tiff, facts, record, write_segmentation
from .labels import Labelled, against_labels
from .lattice import LatticeCheck, averaged_spectrum, check_lattice
from .outlines import framed_outline, framed_outlines, imagej_rois, napari_shapes, outlines
from .particles import PARTICLES, measure
from .segment import Segmentation, on_camera, on_network, segment

__all__ = [
    "FILES",
    "PARTICLES",
    "RECORD",
    "Cleaned",
    "Cleaning",
    "Labelled",
    "LatticeCheck",
    "Segmentation",
    "Step",
    "against_labels",
    "averaged_spectrum",
    "calibrated_tiff",
    "check_lattice",
    "cleaned",
    "facts",
    "framed_outline",
    "framed_outlines",
    "imagej_rois",
    "measure",
    "napari_shapes",
    "on_camera",
    "on_network",
    "outlines",
    "record",
    "segment",
    "write_segmentation",
]
