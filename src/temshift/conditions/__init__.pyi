from .chromatic import focal_spread
from .distribution import Distribution
from .drawn import Conditions
from .imaging import CARTESIAN, COLUMNS, ImagingConditions, PartialConditions
from .mixtures import mixture
from .named import ConditionItem, ConditionSets, Items, lens_remarks, nuisance_remarks, told_together
from .notations import to_cartesian, to_ceos, to_polar
from .summary import Setting, summary

__all__ = [
    "CARTESIAN",
    "COLUMNS",
    "ConditionItem",
    "ConditionSets",
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "Items",
    "PartialConditions",
    "Setting",
    "focal_spread",
    "lens_remarks",
    "mixture",
    "nuisance_remarks",
    "summary",
    "to_cartesian",
    "to_ceos",
    "to_polar",
    "told_together",
]
