"""Networks: U-Nets, training, weights."""

from temshift.networks.cohorts import Member, train_cohort
from temshift.networks.compact import CompactUNet, CompactUNetSettings
from temshift.networks.layers import UNet, freeze, parameter_count
from temshift.networks.resnet import ResNetUNet, ResNetUNetSettings
from temshift.networks.settings import NetworkSettings, build, initialised
from temshift.networks.training import InitialWeights, Trained, TrainingSettings, apply_initial, train
from temshift.networks.weights import load_weights, save_weights

__all__ = [
    "CompactUNet",
    "CompactUNetSettings",
    "InitialWeights",
    "Member",
    "NetworkSettings",
    "ResNetUNet",
    "ResNetUNetSettings",
    "Trained",
    "TrainingSettings",
    "UNet",
    "apply_initial",
    "build",
    "freeze",
    "initialised",
    "load_weights",
    "parameter_count",
    "save_weights",
    "train",
    "train_cohort",
]
