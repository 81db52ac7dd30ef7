"""Exit waves: potentials, thermal motion, multislice, masks, the wave store."""

from temshift.exitwaves.masks import disc_coverage, outline_mask, phase_mask
from temshift.exitwaves.multislice import Multislice, fresnel_propagator, propagate_through, transmission
from temshift.exitwaves.potentials import projected_phase
from temshift.exitwaves.projections import Slices
from temshift.exitwaves.settings import ExitWaveSettings
from temshift.exitwaves.simulation import ExitWave, simulate
from temshift.exitwaves.sources import WaveSource, wave_sources
from temshift.exitwaves.store import (
    StoreLayout,
    create_store,
    read_geometry,
    read_layout,
    read_masks,
    read_settings,
    read_waves,
    stores_in,
    write_shard,
)

__all__ = [
    "ExitWave",
    "ExitWaveSettings",
    "Multislice",
    "Slices",
    "StoreLayout",
    "WaveSource",
    "create_store",
    "disc_coverage",
    "fresnel_propagator",
    "outline_mask",
    "phase_mask",
    "projected_phase",
    "propagate_through",
    "read_geometry",
    "read_layout",
    "read_masks",
    "read_settings",
    "read_waves",
    "simulate",
    "stores_in",
    "transmission",
    "wave_sources",
    "write_shard",
]
