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

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("temshift")
