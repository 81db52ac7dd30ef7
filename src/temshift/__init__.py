"""Tell how far a segmentation network for HRTEM micrographs can be trusted away from its training conditions.

The stages of a study, each usable alone: ``specimens``, ``exitwaves``, ``optics``, ``information``, ``datasets``,
``networks``, ``generalization``, ``report`` and ``studies``, which joins them.

Examples
--------
>>> import temshift
>>> "optics" in dir(temshift)
True
"""

import importlib
from importlib.metadata import version
from types import ModuleType

__version__ = version("temshift")

_PACKAGES = (
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
)


def __getattr__(name: str) -> ModuleType:
    """Import a stage when it is first used, so that ``import temshift`` is quick."""
    if name in _PACKAGES:
        return importlib.import_module(f"temshift.{name}")
    raise AttributeError(f"module 'temshift' has no attribute {name!r}; it has {', '.join(_PACKAGES)}")


def __dir__() -> list[str]:
    return [*_PACKAGES, "__version__"]
