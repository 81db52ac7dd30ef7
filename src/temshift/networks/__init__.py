"""Networks: U-Nets, training, weights."""

from temshift.networks.compact import CompactUNet, CompactUNetSettings, initialised
from temshift.networks.training import InitialWeights, Trained, TrainingSettings, train
from temshift.networks.weights import load_weights, save_weights

__all__ = [
    "CompactUNet",
    "CompactUNetSettings",
    "InitialWeights",
    "Trained",
    "TrainingSettings",
    "initialised",
    "load_weights",
    "save_weights",
    "train",
]
