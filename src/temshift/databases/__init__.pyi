from .database import Database, DatabaseFolder, simulate_database
from .hdf5_export import export_waves
from .wave_sets import WaveSet

__all__ = [
    "Database",
    "DatabaseFolder",
    "WaveSet",
    "export_waves",
    "simulate_database",
]
