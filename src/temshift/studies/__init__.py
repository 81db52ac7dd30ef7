"""Studies: plan, run, resume, gather; the only place that joins the other packages."""

from temshift.studies.folder import StudyFolder, load_study
from temshift.studies.image_sets import ImagePlan, ImageSet
from temshift.studies.image_work import write_images
from temshift.studies.own_networks import score_network
from temshift.studies.plan import Plan
from temshift.studies.run import run_study
from temshift.studies.study import Study
from temshift.studies.wave_export import export_waves

__all__ = [
    "ImagePlan",
    "ImageSet",
    "Plan",
    "Study",
    "StudyFolder",
    "export_waves",
    "load_study",
    "run_study",
    "score_network",
    "write_images",
]
