"""Networks: U-Nets, training, weights."""

from temshift.networks.architectures.compact import CompactUNet, CompactUNetSettings
from temshift.networks.architectures.factory import FactorySettings, factory_network
from temshift.networks.architectures.resnet import ResNetUNet, ResNetUNetSettings
from temshift.networks.cohorts import Member, train_cohort
from temshift.networks.initial import InitialWeights
from temshift.networks.layers import UNet, freeze, parameter_count
from temshift.networks.onnx import OnnxNetwork, export_onnx
from temshift.networks.settings import (
    NetworkSettings,
    batch_faults,
    build,
    carry_code,
    code_of,
    initialised,
    network_faults,
    network_identity,
    padding_remarks,
    require_shape,
    runs_code,
    unfilled,
    with_code,
)
from temshift.networks.stored import drop_weights, load, read_card, write_network
from temshift.networks.training import Trained, TrainingSettings, apply_initial, require_initial, train
from temshift.networks.weights import load_weights, read_weights, save_weights

__all__ = [
    "CompactUNet",
    "CompactUNetSettings",
    "FactorySettings",
    "InitialWeights",
    "Member",
    "NetworkSettings",
    "OnnxNetwork",
    "ResNetUNet",
    "ResNetUNetSettings",
    "Trained",
    "TrainingSettings",
    "UNet",
    "apply_initial",
    "batch_faults",
    "build",
    "carry_code",
    "code_of",
    "drop_weights",
    "export_onnx",
    "factory_network",
    "freeze",
    "initialised",
    "load",
    "load_weights",
    "network_faults",
    "network_identity",
    "padding_remarks",
    "parameter_count",
    "read_card",
    "read_weights",
    "require_initial",
    "require_shape",
    "runs_code",
    "save_weights",
    "train",
    "train_cohort",
    "unfilled",
    "with_code",
    "write_network",
]
