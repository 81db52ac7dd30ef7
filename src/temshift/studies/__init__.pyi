from .analysis.analyse import Scenario, analyse, observe_part, pairs_of, passages_of, scenario_of, scores_over_seeds
from .analysis.conclude import is_concluded, manifest_of, timed, write_conclusion
from .analysis.example_pictures import SHOWN_CONDITIONS, draw_examples
from .analysis.galleries import MOST_PICTURES, draw_pictures, write_index
from .analysis.observer_scores import has_observers
from .analysis.results import CONDITIONS_FILE, asked_pairs, gather, lacking_words, read_results
from .folder import StudyFolder, load_study, require_study, stored_study, study_remark, study_text
from .planning.cost_estimate import Estimate, estimate, estimate_database
from .planning.plan import ImageSource, NetworkRun, Part, Plan, common_hash, network_hash, score_id
from .planning.study import ExampleSettings, InformationSettings, Study
from .running.run import run_study
from .running.status import Status, list_runs, read_status
from .running.worker_tasks import train_alone

__all__ = [
    "CONDITIONS_FILE",
    "MOST_PICTURES",
    "SHOWN_CONDITIONS",
    "Estimate",
    "ExampleSettings",
    "ImageSource",
    "InformationSettings",
    "NetworkRun",
    "Part",
    "Plan",
    "Scenario",
    "Status",
    "Study",
    "StudyFolder",
    "analyse",
    "asked_pairs",
    "common_hash",
    "draw_examples",
    "draw_pictures",
    "estimate",
    "estimate_database",
    "gather",
    "has_observers",
    "is_concluded",
    "lacking_words",
    "list_runs",
    "load_study",
    "manifest_of",
    "network_hash",
    "observe_part",
    "pairs_of",
    "passages_of",
    "read_results",
    "read_status",
    "require_study",
    "run_study",
    "scenario_of",
    "score_id",
    "scores_over_seeds",
    "stored_study",
    "study_remark",
    "study_text",
    "timed",
    "train_alone",
    "write_conclusion",
    "write_index",
]
