"""Studies: plan, run, resume, gather; the only place that joins the other packages.

What is listed here is imported when it is first used: a verb that compares conditions need not wait for figures.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
