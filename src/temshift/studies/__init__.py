"""Studies: plan, run, resume, gather; the only place that joins the other packages."""

from temshift.studies.folder import StudyFolder, load_study
from temshift.studies.plan import Plan
from temshift.studies.run import run_study
from temshift.studies.study import Study

__all__ = ["Plan", "Study", "StudyFolder", "load_study", "run_study"]
