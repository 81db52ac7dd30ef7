from .answers import NEIGHBOURS, PORTRAITS, AtlasAnswers
from .cells import FeaturedCells, featured, portraits_for
from .judging import Judgement
from .pairs import FEATURES
from .portraits import KINDS, Portrait, library_of, portrait_of, portrait_table, portraits_in
from .predictor import FILE, AtlasPredictor, fit_predictor, read_predictor
from .space import AXES, AtlasSpace, location
from .tables import IN_DISTRIBUTION, Atlas, read_atlas

__all__ = [
    "AXES",
    "FEATURES",
    "FILE",
    "IN_DISTRIBUTION",
    "KINDS",
    "NEIGHBOURS",
    "PORTRAITS",
    "Atlas",
    "AtlasAnswers",
    "AtlasPredictor",
    "AtlasSpace",
    "FeaturedCells",
    "Judgement",
    "Portrait",
    "featured",
    "fit_predictor",
    "library_of",
    "location",
    "portrait_of",
    "portrait_table",
    "portraits_for",
    "portraits_in",
    "read_atlas",
    "read_predictor",
]
