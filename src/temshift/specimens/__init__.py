"""Specimens: random crystalline nanoparticles on a support, as ASE atoms; or one's own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
