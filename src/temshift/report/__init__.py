"""One self-contained page and its figures, drawn from saved tables and pictures alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
