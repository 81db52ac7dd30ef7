from .atlas_forecast import AtlasDesign, AtlasForecast, design_from_atlas, predict_from_atlas, write_atlas_design
from .comparison import OpenedSides, bench_for, compare, measured_library, opened_sides
from .condition_files import (
    ConditionsFile,
    ConditionSource,
    agreed,
    forming_remarks,
    open_conditions,
    read_conditions,
    resolved_plain,
)
from .design_training import Wanted, design, design_for, require_output, write_design
from .forecast import Forecast, predict_scores
from .input_files import load_any, load_database, load_input, load_plan, load_recipe, load_single
from .micrograph_dataset import MicrographDataset
from .new_specimens.own_specimens import OwnSpecimens, cost_sentence
from .new_specimens.training_specimens import WantedSpecimens, choose_for
from .score_network import score_network, score_opened
from .segmenting.score_labels import LabelledScores, score_labels
from .segmenting.segment_files import OpenedNetwork, Segmented, SegmentSettings, network_and_files, segment_files
from .specimen_libraries import Measurement, find_library, open_specimens
from .train_network import SingleNetwork, open_training, train_opened, train_single, training_remarks
from .transfer_curves import (
    TransferSet,
    limits_table,
    load_transfer_set,
    require_folder,
    together,
    transfer_of,
    write_transfer,
)

__all__ = [
    "AtlasDesign",
    "AtlasForecast",
    "ConditionSource",
    "ConditionsFile",
    "Forecast",
    "LabelledScores",
    "Measurement",
    "MicrographDataset",
    "OpenedNetwork",
    "OpenedSides",
    "OwnSpecimens",
    "SegmentSettings",
    "Segmented",
    "SingleNetwork",
    "TransferSet",
    "Wanted",
    "WantedSpecimens",
    "agreed",
    "bench_for",
    "choose_for",
    "compare",
    "cost_sentence",
    "design",
    "design_for",
    "design_from_atlas",
    "find_library",
    "forming_remarks",
    "limits_table",
    "load_any",
    "load_database",
    "load_input",
    "load_plan",
    "load_recipe",
    "load_single",
    "load_transfer_set",
    "measured_library",
    "network_and_files",
    "open_conditions",
    "open_specimens",
    "open_training",
    "opened_sides",
    "predict_from_atlas",
    "predict_scores",
    "read_conditions",
    "require_folder",
    "require_output",
    "resolved_plain",
    "score_labels",
    "score_network",
    "score_opened",
    "segment_files",
    "together",
    "train_opened",
    "train_single",
    "training_remarks",
    "transfer_of",
    "write_atlas_design",
    "write_design",
    "write_transfer",
]
