from .architectures.compact import CompactUNet, CompactUNetSettings
from .architectures.factory import FactorySettings, factory_network
from .architectures.resnet import ResNetUNet, ResNetUNetSettings
from .cohorts import Member, Way, train_cohort
from .initial import InitialWeights
from .layers import UNet, freeze, parameter_count
from .onnx import OnnxNetwork, export_onnx
from .onnx_graphs import onnx_identity
from .settings import (
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
from .stored import CARD, drop_weights, load, load_with_card, read_card, write_network
from .tiles import segmented_in_windows
from .training import Trained, TrainingSettings, apply_initial, mean_loss, phonon_fault, require_initial, train
from .weights import load_weights, read_weights, save_weights, weights_bytes

__all__ = [
    "CARD",
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
    "Way",
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
    "load_with_card",
    "mean_loss",
    "network_faults",
    "network_identity",
    "onnx_identity",
    "padding_remarks",
    "parameter_count",
    "phonon_fault",
    "read_card",
    "read_weights",
    "require_initial",
    "require_shape",
    "runs_code",
    "save_weights",
    "segmented_in_windows",
    "train",
    "train_cohort",
    "unfilled",
    "weights_bytes",
    "with_code",
    "write_network",
]
