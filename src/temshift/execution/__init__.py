"""Inline, in local processes or on a cluster: the same tasks, the same results; progress as callbacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
