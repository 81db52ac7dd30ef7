"""YAML with lines, configurations, and messages that name the key, its line and the remedy."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
