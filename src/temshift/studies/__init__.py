"""Studies: plan, run, resume, gather; the only place that joins the other packages.

What is listed here is imported when it is first used: a verb that compares conditions need not wait for figures.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temshift.studies.folder import StudyFolder, load_study
    from temshift.studies.image_sets import ImagePlan, ImageSet
    from temshift.studies.image_work import write_images
    from temshift.studies.own_networks import score_network
    from temshift.studies.plan import Plan
    from temshift.studies.predicting import Forecast, predict_scores
    from temshift.studies.results import read_results
    from temshift.studies.run import run_study
    from temshift.studies.single import SingleNetwork, train_single
    from temshift.studies.study import Study
    from temshift.studies.wave_export import export_waves

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

_HOMES = {
    "Forecast": "predicting",
    "ImagePlan": "image_sets",
    "ImageSet": "image_sets",
    "Plan": "plan",
    "SingleNetwork": "single",
    "Study": "study",
    "StudyFolder": "folder",
    "export_waves": "wave_export",
    "load_study": "folder",
    "predict_scores": "predicting",
    "read_results": "results",
    "run_study": "run",
    "score_network": "own_networks",
    "train_single": "single",
    "write_images": "image_work",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
