from .cohorts import Member, Way, train_cohort
from .compact import CompactUNet, CompactUNetSettings
from .initial import InitialWeights
from .layers import UNet, freeze, parameter_count
from .onnx import OnnxNetwork, export_onnx
from .onnx_graphs import onnx_identity
from .resnet import ResNetUNet, ResNetUNetSettings
from .settings import NetworkSettings, batch_faults, build, initialised, padding_remarks
from .stored import CARD, drop_weights, load, read_card, write_network
from .training import Trained, TrainingSettings, apply_initial, cross_entropy, require_initial, train
from .weights import load_weights, read_weights, save_weights, weights_bytes

__all__ = [
    "CARD",
    "CompactUNet",
    "CompactUNetSettings",
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
    "cross_entropy",
    "drop_weights",
    "export_onnx",
    "freeze",
    "initialised",
    "load",
    "load_weights",
    "onnx_identity",
    "padding_remarks",
    "parameter_count",
    "read_card",
    "read_weights",
    "require_initial",
    "save_weights",
    "train",
    "train_cohort",
    "weights_bytes",
    "write_network",
]
