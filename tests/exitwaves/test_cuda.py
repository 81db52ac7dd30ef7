"""A GPU gives what the CPU gives; skipped where there is none."""

import numpy as np
import pytest
import torch

from temshift.exitwaves import ExitWaveSettings, simulate
from temshift.specimens import SpecimenRecipe, build_specimen

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is usable here"),
]

RECIPE = {
    "cell_nm": (3.2, 3.2),
    "substrate": {"thickness_nm": 1.0},
    "particles": {"crystal": "CdSe", "radius_nm": 0.9, "count": 1, "gap_nm": 0.2},
}
SETTINGS = {
    "energy_kev": 300,
    "sampling_angstrom": 0.1,
    "stored_sampling_angstrom": 0.2,
    "slice_thickness_angstrom": 2.0,
    "focus": "minimum_contrast",
    "mask": {"definition": "phase", "phase_threshold_rad": 0.1},
    "phonons": {"configurations": 3, "rms_displacement_angstrom": {"Cd": 0.12, "Se": 0.1, "C": 0.08}},
}


@pytest.mark.parametrize("changed", [{}, {"projection": "finite"}, {"scheme": "abtem"}, {"tilt_mrad": (5, -3)}])
@pytest.mark.parametrize("memory_mb", [64, 8000])
def test_exit_waves_on_a_gpu_are_those_on_the_cpu(changed: dict[str, object], memory_mb: int) -> None:
    """Whether phonon configurations go through one by one or together."""
    atoms = build_specimen(SpecimenRecipe.model_validate(RECIPE), 1, 0)
    settings = ExitWaveSettings.model_validate({**SETTINGS, **changed, "memory_mb": memory_mb})
    on_cpu, on_gpu = (simulate(atoms, settings, 1, 0, device=device) for device in ("cpu", "cuda"))
    scattered = torch.linalg.vector_norm(on_cpu.waves - 1)
    assert torch.linalg.vector_norm(on_gpu.waves.cpu() - on_cpu.waves) <= 1e-4 * scattered
    assert np.mean(on_gpu.mask != on_cpu.mask) <= 1e-3
    assert on_gpu.geometry["focus_height_angstrom"] == pytest.approx(on_cpu.geometry["focus_height_angstrom"], abs=0.11)


def test_exit_waves_on_a_gpu_repeat_bit_for_bit() -> None:
    atoms = build_specimen(SpecimenRecipe.model_validate(RECIPE), 1, 0)
    settings = ExitWaveSettings.model_validate(SETTINGS)
    once, again = (simulate(atoms, settings, 1, 0, device="cuda").waves for _ in range(2))
    assert torch.equal(once, again)
