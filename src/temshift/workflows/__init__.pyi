from .forecast import Forecast, predict_scores
from .input_files import load_database, load_plan
from .micrograph_dataset import MicrographDataset
from .score_network import score_network
from .train_network import SingleNetwork, train_single

__all__ = [
    "Forecast",
    "MicrographDataset",
    "SingleNetwork",
    "load_database",
    "load_plan",
    "predict_scores",
    "score_network",
    "train_single",
]
