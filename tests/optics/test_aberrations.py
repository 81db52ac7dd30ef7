"""The aberration function: its polynomials against the polar formula, its gradient, and its parts."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from temshift.core.electrons import wavelength
from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient
from temshift.vocabulary.parameters import ABERRATIONS, azimuth

LAMBDA = wavelength(300e3)


@st.composite
def aberrations(draw: st.DrawFn) -> dict[str, torch.Tensor]:
    """Some coefficients that turn chi by up to a few hundred radians at 30 mrad."""
    chosen = draw(st.lists(st.sampled_from(list(ABERRATIONS)), min_size=1, unique=True))
    values = {}
    for symbol in chosen:
        order, multiplicity = ABERRATIONS[symbol]
        values[symbol] = draw(st.floats(-1, 1)) * 0.3 / 0.03 ** (order + 1)
        if multiplicity and draw(st.booleans()):
            values[azimuth(symbol)] = draw(st.floats(-4, 4))
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}


def polar(values: dict[str, torch.Tensor], alpha: float, phi: float) -> float:
    """Krivanek's sum, written out."""
    total = 0.0
    for symbol, (order, multiplicity) in ABERRATIONS.items():
        if symbol in values:
            turned = multiplicity * (phi - float(values.get(azimuth(symbol), torch.zeros(1))))
            total += float(values[symbol]) * alpha ** (order + 1) / (order + 1) * math.cos(turned)
    return 2 * math.pi / LAMBDA * total


@given(aberrations(), st.floats(0, 0.03), st.floats(-math.pi, math.pi))
def test_the_polynomials_are_the_polar_sum(values: dict[str, torch.Tensor], alpha: float, phi: float) -> None:
    omega = torch.polar(torch.tensor([alpha], dtype=torch.float64), torch.tensor([phi], dtype=torch.float64))
    found = float(aberration_function(aberration_basis(omega), LAMBDA, values))
    assert found == pytest.approx(polar(values, alpha, phi), abs=1e-8)


@given(aberrations(), st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_the_gradient_is_the_derivative(values: dict[str, torch.Tensor], x: float, y: float) -> None:
    angles = torch.tensor([x, y], dtype=torch.float64, requires_grad=True)
    basis = aberration_basis(torch.complex(angles[:1], angles[1:]))
    (slope,) = torch.autograd.grad(aberration_function(basis, LAMBDA, values).sum(), angles)
    found = torch.cat([part.detach()[0] for part in aberration_gradient(basis, LAMBDA, values)])
    assert torch.allclose(found, slope, atol=1e-6)


def test_polynomials_are_finite_on_the_axis() -> None:
    basis = aberration_basis(torch.zeros(1, dtype=torch.complex128))
    assert not any(part.any() or part.isnan().any() for part in (basis.chi, basis.along_x, basis.along_y))


def test_an_unknown_coefficient_is_an_error() -> None:
    basis = aberration_basis(torch.zeros(1, dtype=torch.complex128))
    with pytest.raises(ValueError, match="C33: no aberration has this symbol; allowed: C10, C12, C21"):
        aberration_function(basis, LAMBDA, {"C33": torch.zeros(1)})
