"""Distributions of imaging conditions: named, measured, correlated; draws of them, and what they are called."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
