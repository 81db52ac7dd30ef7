"""Correlated draws: a Gaussian copula ties parameters together and leaves the distribution of each as it is."""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator
from scipy.special import ndtr, ndtri

from temshift.configuration import Configuration, allowed_text
from temshift.configuration.model import as_tuples

_LEAST_EIGENVALUE = 1e-9  # less is rounding of a matrix that is not positive definite
_LEAST_PROBABILITY = float(np.finfo(np.float64).tiny)
_GREATEST_PROBABILITY = 1 - float(np.finfo(np.float64).epsneg)


class Correlation(Configuration):
    """How two parameters vary together.

    ``coefficient`` is the correlation of the normal deviates that both are drawn from: that of the parameters
    themselves where both are normal. The rank correlation of parameters that vary continuously is
    6 / pi arcsin(coefficient / 2), whatever their distributions.

    References
    ----------
    W. H. Kruskal, J. Am. Stat. Assoc. 53, 814 (1958).
    """

    between: Annotated[tuple[str, str], BeforeValidator(as_tuples)]
    coefficient: Annotated[float, Field(gt=-1, lt=1)]

    @model_validator(mode="after")
    def _two_parameters(self) -> "Correlation":
        if self.between[0] == self.between[1]:
            raise ValueError(f"between: {self.between[0]!r} is given twice; name two different parameters")
        return self


def correlation_matrix(correlations: Sequence[Correlation], keys: Sequence[str]) -> NDArray[np.float64]:
    """Give the matrix of all correlations; parameters that no correlation names are independent.

    Parameters
    ----------
    correlations : sequence of Correlation
        Each pair at most once.
    keys : sequence of str
        Names of the k parameters, in the order of the matrix.

    Returns
    -------
    ndarray (k, k)
        Symmetric, positive definite, with ones on the diagonal.

    Raises
    ------
    ValueError
        If a key is unknown, a pair is given twice, or no distribution has all these correlations at once.

    Examples
    --------
    >>> tie = Correlation(between=("defocus_nm", "C12_nm"), coefficient=0.5)
    >>> correlation_matrix([tie], ["defocus_nm", "C12_nm"]).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    matrix = np.eye(len(keys))
    given: set[frozenset[str]] = set()
    for correlation in correlations:
        _require_new(correlation.between, given, keys)
        given.add(frozenset(correlation.between))
        first, second = map(keys.index, correlation.between)
        matrix[first, second] = matrix[second, first] = correlation.coefficient
    _require_positive(matrix, keys)
    return matrix


def correlated(probabilities: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tie independent uniform deviates together: Phi(L Phi^-1(u)) with L L^T = matrix.

    Phi is the cumulative normal distribution, L is lower triangular. Each column stays uniform.

    Parameters
    ----------
    probabilities : ndarray (n, k)
        Independent uniform deviates, 0 to 1.
    matrix : ndarray (k, k)
        Correlations of the normal deviates, see `correlation_matrix`.

    Returns
    -------
    ndarray (n, k)
        Uniform deviates; a column that is tied to none before it is as it was.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the matrix is not positive definite.

    References
    ----------
    R. B. Nelsen, An Introduction to Copulas, 2nd ed., Springer (2006).

    Examples
    --------
    >>> correlated(np.array([[0.9, 0.5]]), np.array([[1.0, 0.8], [0.8, 1.0]])).round(3).tolist()
    [[0.9, 0.847]]
    """
    if probabilities.ndim != 2 or matrix.shape != (probabilities.shape[1],) * 2:
        raise ValueError(
            f"probabilities {probabilities.shape} and matrix {matrix.shape} do not fit; give (n, k) and (k, k)"
        )
    try:
        lower = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as error:
        raise ValueError("the matrix is not positive definite; take that of correlation_matrix") from error
    deviates = ndtri(np.clip(probabilities, _LEAST_PROBABILITY, _GREATEST_PROBABILITY))
    return np.asarray(ndtr(deviates @ lower.T))


def _require_new(pair: tuple[str, str], given: set[frozenset[str]], keys: Sequence[str]) -> None:
    for key in pair:
        if key not in keys:
            raise ValueError(f"correlation between {_named(pair)}: {key!r} is not known{allowed_text(key, keys)}")
    if frozenset(pair) in given:
        raise ValueError(f"the correlation between {_named(pair)} is given twice; remove one")


def _require_positive(matrix: NDArray[np.float64], keys: Sequence[str]) -> None:
    """Refuse a matrix that is not positive definite; name the keys of its lowest eigenvector and what would mend it."""
    if not len(keys):
        return
    values, vectors = np.linalg.eigh(matrix)
    if values[0] > _LEAST_EIGENVALUE:
        return
    involved = [key for key, share in zip(keys, vectors[:, 0], strict=True) if abs(share) > 1e-6]
    factor = math.floor(100 / (1 - values[0])) / 100
    raise ValueError(
        f"the correlations between {_named(involved)} contradict each other: no draws have all of them (lowest "
        f"eigenvalue {values[0]:.2g}); bring them nearer to 0, such as by a factor below {factor:g}"
    )


def _named(keys: Sequence[str]) -> str:
    return f"{', '.join(keys[:-1])} and {keys[-1]}"
