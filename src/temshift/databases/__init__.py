"""Made once and kept: specimens, exit waves, object libraries; their files and folders."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
