"""Tell how far a segmentation network for HRTEM micrographs can be trusted away from its training conditions.

The stages of a study, each usable alone: ``specimens``, ``exitwaves``, ``conditions``, ``optics``, ``micrographs``,
``information``, ``networks``, ``scoring``, ``report`` and ``studies``, which joins them; ``workflows`` answer one
question each.

Examples
--------
>>> import temshift
>>> "optics" in dir(temshift)
True
"""

import os
import sys

# "python -m" puts the current folder first among the places to import from: a file json.py there would be run.
_PLACE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path[0] != _PLACE:
    sys.path.pop(0)

from importlib.metadata import version  # noqa: E402

import lazy_loader  # noqa: E402

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("temshift")
