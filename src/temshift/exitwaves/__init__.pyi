from .accuracy.images import image_error, plain_image
from .accuracy.prediction import Choice, Rung, choose_rung, expected_error, ladder
from .accuracy.settings import Accuracy
from .downsampling import downsampled
from .masks import disc_coverage, outline_mask, phase_mask
from .multislice import (
    ABTEM_BAND_LIMIT,
    ABTEM_TAPER,
    BAND_LIMIT,
    Multislice,
    band_mask,
    fresnel_propagator,
    propagate_through,
    transmission,
)
from .origin import Origin, origin_of
from .potentials import projected_phase
from .projections import REACH, SUBLAYERS, Projection, Slices, shared_part, shares
from .scattering import scattering_factor
from .settings import ExitWaveSettings
from .simulation import ExitWave, grid_of, simulate
from .sources import ENDLESS, WaveSource, listed, refuse_inside_store, wave_sources
from .store import (
    StoreLayout,
    create_store,
    finished_shards,
    read_geometry,
    read_layout,
    read_masks,
    read_settings,
    read_waves,
    stores_in,
    write_shard,
)
from .thermal import displaced

__all__ = [
    "ABTEM_BAND_LIMIT",
    "ABTEM_TAPER",
    "BAND_LIMIT",
    "ENDLESS",
    "REACH",
    "SUBLAYERS",
    "Accuracy",
    "Choice",
    "ExitWave",
    "ExitWaveSettings",
    "Multislice",
    "Origin",
    "Projection",
    "Rung",
    "Slices",
    "StoreLayout",
    "WaveSource",
    "band_mask",
    "choose_rung",
    "create_store",
    "disc_coverage",
    "displaced",
    "downsampled",
    "expected_error",
    "finished_shards",
    "fresnel_propagator",
    "grid_of",
    "image_error",
    "ladder",
    "listed",
    "origin_of",
    "outline_mask",
    "phase_mask",
    "plain_image",
    "projected_phase",
    "propagate_through",
    "read_geometry",
    "read_layout",
    "read_masks",
    "read_settings",
    "read_waves",
    "refuse_inside_store",
    "scattering_factor",
    "shared_part",
    "shares",
    "simulate",
    "stores_in",
    "transmission",
    "wave_sources",
    "write_shard",
]
