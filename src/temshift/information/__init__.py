"""Information transfer: object spectra, epsilon, sigma, and first predictions from them."""

from temshift.information.image_spectra import (
    ImageDistance,
    ImageSpectra,
    image_distance,
    image_distances,
    image_spectra,
)
from temshift.information.metrics import Information, information, spectral_distance, transfer_similarity
from temshift.information.regression import additive_fit, explained, fit_linear, predict_left_out
from temshift.information.spectra import ObjectSpectra, average_spectra, measure_specimen

__all__ = [
    "ImageDistance",
    "ImageSpectra",
    "Information",
    "ObjectSpectra",
    "additive_fit",
    "average_spectra",
    "explained",
    "fit_linear",
    "image_distance",
    "image_distances",
    "image_spectra",
    "information",
    "measure_specimen",
    "predict_left_out",
    "spectral_distance",
    "transfer_similarity",
]
