from .chromatic import focal_spread
from .distribution import Distribution
from .drawn import Conditions
from .imaging import ImagingConditions, PartialConditions
from .named import ConditionItem, ConditionSets
from .notations import to_cartesian, to_ceos, to_polar

__all__ = [
    "ConditionItem",
    "ConditionSets",
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "PartialConditions",
    "focal_spread",
    "to_cartesian",
    "to_ceos",
    "to_polar",
]
