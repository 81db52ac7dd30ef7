from . import (
    core,
    datasets,
    execution,
    exitwaves,
    generalization,
    information,
    networks,
    optics,
    report,
    specimens,
    studies,
)

__all__ = [
    "core",
    "datasets",
    "execution",
    "exitwaves",
    "generalization",
    "information",
    "networks",
    "optics",
    "report",
    "specimens",
    "studies",
]
__version__: str
