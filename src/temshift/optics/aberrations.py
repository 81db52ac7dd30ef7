"""The aberration function, in Krivanek's polar notation to fifth order; angles are alpha = lambda q.

chi is linear in the Cartesian components of the coefficients. Their polynomials are computed once for a set of
angles; each condition then costs one product of matrices.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from temshift.vocabulary import ABERRATIONS
from temshift.vocabulary.parameters import azimuth


@dataclass(frozen=True)
class AberrationBasis:
    """Polynomials of the angle omega = alpha_x + i alpha_y [rad] that the coefficients multiply.

    Attributes
    ----------
    chi, along_x, along_y : Tensor (rows, ...)
        Each coefficient's omega^((n+1+m)/2) conj(omega)^((n+1-m)/2) / (n+1), real part and, where m > 0, imaginary
        part, and their derivatives by alpha_x and alpha_y.
    rows : dict
        Where the rows of a coefficient start.
    """

    chi: Tensor
    along_x: Tensor
    along_y: Tensor
    rows: Mapping[str, int]

    def of_type(self, dtype: torch.dtype) -> "AberrationBasis":
        """Return the same polynomials in another precision."""
        return AberrationBasis(self.chi.to(dtype), self.along_x.to(dtype), self.along_y.to(dtype), self.rows)

    def components(self, aberrations: Mapping[str, Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
        """Turn polar coefficients, each (n,), into numbers of rows (k,) and their components (n, k) [A]."""
        indices: list[int] = []
        columns: list[Tensor] = []
        for symbol in present(aberrations):
            multiplicity = ABERRATIONS[symbol][1]
            parts = cartesian(aberrations, symbol) if multiplicity else (aberrations[symbol],)
            indices += range(self.rows[symbol], self.rows[symbol] + len(parts))
            columns += parts
        return torch.tensor(indices, device=like.device), torch.stack(columns, dim=1).to(like)


def present(aberrations: Mapping[str, Tensor]) -> list[str]:
    """Return the symbols of the coefficients among aberrations, azimuths left out; unknown ones are an error."""
    known = [*ABERRATIONS, *(azimuth(symbol) for symbol, (_, fold) in ABERRATIONS.items() if fold)]
    unknown = sorted(set(aberrations) - set(known))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no aberration has this symbol; allowed: {', '.join(known)}")
    return [symbol for symbol in ABERRATIONS if symbol in aberrations]


def cartesian(aberrations: Mapping[str, Tensor], symbol: str) -> tuple[Tensor, Tensor]:
    """Return C_a = C cos(m phi) and C_b = C sin(m phi) of one coefficient [A]; a missing azimuth is 0."""
    magnitude = aberrations[symbol]
    twist = ABERRATIONS[symbol][1] * aberrations.get(azimuth(symbol), torch.zeros_like(magnitude))
    return magnitude * torch.cos(twist), magnitude * torch.sin(twist)


def aberration_basis(omega: Tensor, symbols: Sequence[str] = tuple(ABERRATIONS)) -> AberrationBasis:
    """Compute the polynomials of some coefficients at angles omega = alpha_x + i alpha_y (...), complex [rad]."""
    chi: list[Tensor] = []
    along_x: list[Tensor] = []
    along_y: list[Tensor] = []
    rows = {}
    for symbol in symbols:
        rows[symbol] = len(chi)
        order, multiplicity = ABERRATIONS[symbol]
        up, down = (order + 1 + multiplicity) // 2, (order + 1 - multiplicity) // 2
        outer = up * _power(omega, up - 1, down)
        inner = down * _power(omega, up, down - 1) if down else torch.zeros_like(outer)
        for collected, values in (
            (chi, _power(omega, up, down)),
            (along_x, outer + inner),
            (along_y, 1j * (outer - inner)),
        ):
            collected += [values.real / (order + 1), values.imag / (order + 1)][: 2 if multiplicity else 1]
    return AberrationBasis(torch.stack(chi), torch.stack(along_x), torch.stack(along_y), rows)


def _power(omega: Tensor, up: int, down: int) -> Tensor:
    product = torch.ones_like(omega)
    for factor in [omega] * up + [omega.conj()] * down:
        product = product * factor
    return product


def aberration_function(basis: AberrationBasis, wavelength: float, aberrations: Mapping[str, Tensor]) -> Tensor:
    """Phase error of the lens, chi = (2 pi / lambda) sum C_nm alpha^(n+1) cos(m (phi - phi_nm)) / (n + 1).

    The lens multiplies the wave by exp(-i chi).

    Parameters
    ----------
    basis : AberrationBasis
        At angles (frequencies,).
    wavelength : float
        Electron wavelength [A].
    aberrations : mapping of symbol to Tensor (n,)
        C10 (= -defocus), C12, phi12, C21 ... C56, phi56: coefficients in A, azimuths from x towards y in rad; those
        that are left out are 0.

    Returns
    -------
    Tensor (n, frequencies)
        Phase [rad].

    Raises
    ------
    ValueError
        For an unknown symbol.

    References
    ----------
    O. L. Krivanek, N. Dellby and A. R. Lupini, Ultramicroscopy 78, 1 (1999), DOI 10.1016/S0304-3991(99)00013-3
    """
    index, components = basis.components(aberrations, basis.chi)
    return _combined(2 * math.pi / wavelength * components, basis.chi[index])


def aberration_gradient(
    basis: AberrationBasis, wavelength: float, aberrations: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the gradient of chi over the angles, (d chi / d alpha_x, d chi / d alpha_y), each (n, frequencies).

    Parameters
    ----------
    basis, wavelength, aberrations
        As for :func:`aberration_function`.

    Returns
    -------
    tuple of Tensor (n, frequencies)
        In rad per rad of angle.
    """
    index, components = basis.components(aberrations, basis.chi)
    factor = 2 * math.pi / wavelength * components
    return _combined(factor, basis.along_x[index]), _combined(factor, basis.along_y[index])


def _combined(factors: Tensor, rows: Tensor) -> Tensor:
    """Product of matrices; on a CPU row by row, since the number of rows would change the last bits of each."""
    return factors @ rows if factors.is_cuda else torch.cat([one @ rows for one in torch.split(factors, 1)])


def even_part(aberrations: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the aberrations whose chi is even in the angle; the others, such as coma, only shift phases of T(q)."""
    return {
        name: values
        for name, values in aberrations.items()
        if ABERRATIONS.get(name, ABERRATIONS.get(f"C{name[3:]}", (0, 0)))[1] % 2 == 0
    }
