"""Correlated draws: marginals stay uniform, normal deviates have the correlations asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats
from scipy.special import ndtri

from temshift.conditions.correlations import Correlation, correlated, correlation_matrix
from temshift.configuration.model import Configuration, dump_configuration, parse_configuration

KEYS = ["defocus_nm", "C12_nm", "C21_nm", "dose_e_per_A2"]
DRAWS = 100_000


def tie(first: str, second: str, coefficient: float) -> Correlation:
    return Correlation(between=(first, second), coefficient=coefficient)


TIES = [tie("defocus_nm", "C12_nm", 0.7), tie("C12_nm", "C21_nm", -0.5), tie("C21_nm", "dose_e_per_A2", 0.3)]


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    independent = np.random.default_rng(4).random((DRAWS, len(KEYS)))
    return correlated(independent, correlation_matrix(TIES, KEYS))


def test_normal_deviates_have_the_correlations_asked_for(drawn: np.ndarray) -> None:
    found = np.corrcoef(ndtri(drawn), rowvar=False)
    assert found == pytest.approx(correlation_matrix(TIES, KEYS), abs=4 / DRAWS**0.5)


def test_rank_correlations_are_those_of_the_law(drawn: np.ndarray) -> None:
    found = stats.spearmanr(drawn).statistic
    assert found == pytest.approx(6 / np.pi * np.arcsin(correlation_matrix(TIES, KEYS) / 2), abs=4 / DRAWS**0.5)


def test_every_column_stays_uniform(drawn: np.ndarray) -> None:
    assert all(stats.kstest(column, "uniform").pvalue > 1e-3 for column in drawn.T)


probabilities = st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5).map(np.array)


@given(probabilities)
def test_without_correlations_draws_stay_as_they_are(values: np.ndarray) -> None:
    assert correlated(values, correlation_matrix([], KEYS[:3])) == pytest.approx(values, abs=1e-12)


@given(probabilities, st.floats(-0.99, 0.99))
def test_draws_stay_probabilities_at_0_and_1_too(values: np.ndarray, coefficient: float) -> None:
    given_values = values.copy()
    tied = correlated(values, correlation_matrix([tie("C21_nm", "defocus_nm", coefficient)], KEYS[:3]))
    assert ((tied >= 0) & (tied <= 1)).all()
    assert tied[:, :2] == pytest.approx(values[:, :2], abs=1e-12)  # tied to none before them
    assert (values == given_values).all()


@given(st.floats(-0.99, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_second_deviate_is_known_in_closed_form(coefficient: float, first: float, second: float) -> None:
    tied = correlated(np.array([[first, second]]), correlation_matrix([tie(*KEYS[:2], coefficient)], KEYS[:2]))
    deviate = coefficient * stats.norm.ppf(first) + (1 - coefficient**2) ** 0.5 * stats.norm.ppf(second)
    assert tied[0, 1] == pytest.approx(stats.norm.cdf(deviate), abs=1e-9)


@given(st.lists(st.floats(-0.99, 0.99), min_size=6, max_size=6))
def test_a_matrix_is_positive_definite_or_refused(coefficients: list[float]) -> None:
    pairs = [(first, second) for place, first in enumerate(KEYS) for second in KEYS[place + 1 :]]
    ties = [tie(*pair, coefficient) for pair, coefficient in zip(pairs, coefficients, strict=True)]
    try:
        matrix = correlation_matrix(ties, KEYS)
    except ValueError as error:
        assert "contradict each other" in str(error)
        return
    assert (matrix == matrix.T).all()
    assert (np.diag(matrix) == 1).all()
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_correlations_that_contradict_each_other_are_named_and_the_remedy_works() -> None:
    pairs = [("defocus_nm", "C12_nm", 0.9), ("C12_nm", "C21_nm", 0.9), ("defocus_nm", "C21_nm", -0.9)]
    text = "between defocus_nm, C12_nm and C21_nm contradict each other: .* -0.8.* by a factor below 0.55"
    with pytest.raises(ValueError, match=text):
        correlation_matrix([tie(*pair) for pair in pairs], KEYS)
    correlation_matrix([tie(first, second, 0.54 * value) for first, second, value in pairs], KEYS)
    with pytest.raises(ValueError, match="contradict"):
        correlation_matrix([tie(first, second, 0.56 * value) for first, second, value in pairs], KEYS)


@pytest.mark.parametrize(
    ("ties", "text"),
    [
        ([("defocus", "C12_nm", 0.5)], "between defocus and C12_nm: 'defocus' is not known; .*nearest: 'defocus_nm'"),
        ([(*KEYS[:2], 0.5), (*KEYS[1::-1], 0.5)], "between C12_nm and defocus_nm is given twice; remove one"),
    ],
)
def test_pairs_that_cannot_be_tied_are_refused(ties: list[tuple[str, str, float]], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        correlation_matrix([tie(*pair) for pair in ties], KEYS)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"between": ["C12_nm", "C12_nm"], "coefficient": 0.5}, "'C12_nm' is given twice; name two different"),
        ({"between": ["C12_nm", "C21_nm"], "coefficient": 1}, "less than 1"),
        ({"between": ["C12_nm", "C21_nm"], "coefficient": -1}, "greater than -1"),
        ({"between": ["C12_nm"], "coefficient": 0}, "between"),
    ],
)
def test_a_correlation_is_of_two_parameters(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Correlation.model_validate(wrong)


def test_shapes_and_matrices_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities \(5, 3\) and matrix \(2, 2\) do not fit"):
        correlated(np.full((5, 3), 0.5), np.eye(2))
    with pytest.raises(ValueError, match="not positive definite"):
        correlated(np.full((5, 2), 0.5), np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_correlations_are_read_back_from_yaml_alike() -> None:
    class Study(Configuration):
        correlations: tuple[Correlation, ...]

    written = "correlations: [{between: [C12_nm, C21_nm], coefficient: 0.5}]"
    study = parse_configuration(written, Study, "study.yaml")
    assert parse_configuration(dump_configuration(study), Study, "study.yaml") == study
    assert study.correlations == (tie("C12_nm", "C21_nm", 0.5),)
