from .folder import StudyFolder, load_study
from .image_sets import ImagePlan, ImageSet
from .image_work import write_images
from .own_networks import score_network
from .plan import Plan
from .predicting import Forecast, predict_scores
from .results import read_results
from .run import run_study
from .single import SingleNetwork, train_single
from .study import Study
from .wave_export import export_waves

__all__ = [
    "Forecast",
    "ImagePlan",
    "ImageSet",
    "Plan",
    "SingleNetwork",
    "Study",
    "StudyFolder",
    "export_waves",
    "load_study",
    "predict_scores",
    "read_results",
    "run_study",
    "score_network",
    "train_single",
    "write_images",
]
