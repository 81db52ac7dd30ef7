from .analysis.results import read_results
from .folder import StudyFolder, load_study
from .planning.plan import Plan
from .planning.study import Study
from .running.run import run_study

__all__ = [
    "Plan",
    "Study",
    "StudyFolder",
    "load_study",
    "read_results",
    "run_study",
]
