"""One question each: forecast, score or train a network, feed a training, design one, compare, draw transfer curves."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
