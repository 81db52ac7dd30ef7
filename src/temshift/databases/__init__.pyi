from .capacity import size_text
from .contact_sheet import draw_contact_sheet
from .database import Database, DatabaseFolder, simulate_database
from .hdf5_export import export_waves
from .inspection import Inspection, inspect_waves
from .object_libraries import (
    HIGHEST,
    SAMPLING,
    SPECIMENS,
    band_end,
    cached_library,
    default_exit_waves,
    library_of_database,
    library_of_recipe,
    library_of_source,
    main_source,
    measured_set,
)
from .specimen_files import SpecimenSet, write_specimens
from .wave_sets import WaveSet, error_remark, make_waves, stored_set

__all__ = [
    "HIGHEST",
    "SAMPLING",
    "SPECIMENS",
    "Database",
    "DatabaseFolder",
    "Inspection",
    "SpecimenSet",
    "WaveSet",
    "band_end",
    "cached_library",
    "default_exit_waves",
    "draw_contact_sheet",
    "error_remark",
    "export_waves",
    "inspect_waves",
    "library_of_database",
    "library_of_recipe",
    "library_of_source",
    "main_source",
    "make_waves",
    "measured_set",
    "simulate_database",
    "size_text",
    "stored_set",
    "write_specimens",
]
