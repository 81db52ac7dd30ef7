from .analysis.analyse import (
    Scenario,
    analyse,
    observe_part,
    observe_plan,
    pairs_of,
    passages_of,
    scenario_of,
    scenarios_of,
    scored_cells,
    scores_over_seeds,
    shown_libraries,
    survey_of,
)
from .analysis.conclude import is_concluded, manifest_of, timed, write_conclusion
from .analysis.example_pictures import SHOWN_CONDITIONS, draw_examples
from .analysis.galleries import MOST_PICTURES, draw_pictures, write_index
from .analysis.image_features import measure_image_features
from .analysis.observer_scores import has_observers
from .analysis.part_tables import PartTables, part_words, write_tables
from .analysis.results import CONDITIONS_FILE, asked_pairs, gather, lacking_words, read_results
from .folder import StudyFolder, load_study, require_study, stored_study, study_remark, study_text
from .parts.joining import is_part_of_study, read_parts
from .parts.shipping import compact_bytes, compact_table
from .planning.cost_estimate import Estimate, estimate, estimate_database, parameters_of
from .planning.part import ImageSource, NetworkRun, Part, common_hash, network_hash, score_id
from .planning.plan import Plan
from .planning.study import ExampleSettings, InformationSettings, Study, members_of
from .running.run import run_study
from .running.status import Status, list_runs, read_status
from .running.worker_tasks import train_alone
from .sources import read_spectra

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
    "PartTables",
    "Plan",
    "Scenario",
    "Status",
    "Study",
    "StudyFolder",
    "analyse",
    "asked_pairs",
    "common_hash",
    "compact_bytes",
    "compact_table",
    "draw_examples",
    "draw_pictures",
    "estimate",
    "estimate_database",
    "gather",
    "has_observers",
    "is_concluded",
    "is_part_of_study",
    "lacking_words",
    "list_runs",
    "load_study",
    "manifest_of",
    "measure_image_features",
    "members_of",
    "network_hash",
    "observe_part",
    "observe_plan",
    "pairs_of",
    "parameters_of",
    "part_words",
    "passages_of",
    "read_parts",
    "read_results",
    "read_spectra",
    "read_status",
    "require_study",
    "run_study",
    "scenario_of",
    "scenarios_of",
    "score_id",
    "scored_cells",
    "scores_over_seeds",
    "shown_libraries",
    "stored_study",
    "study_remark",
    "study_text",
    "survey_of",
    "timed",
    "train_alone",
    "write_conclusion",
    "write_index",
    "write_tables",
]
