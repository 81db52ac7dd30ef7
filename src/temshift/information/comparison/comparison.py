"""Results of comparing two distributions of conditions: numbers, bands, a text to read and JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temshift.information.comparison.bands import Band, band_text
from temshift.information.comparison.verdict import Verdict
from temshift.information.transfer.metrics import Information
from temshift.information.transfer.monte_carlo import Estimate
from temshift.information.transfer.pairs import PairMetrics

if TYPE_CHECKING:
    from temshift.information.observers.observer import Expected, RuleName

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """One of two distributions that are compared.

    Attributes
    ----------
    name : str
        Its name.
    information : Information
        Information that it transfers.
    observers : mapping
        By rule, scores of an observer that learns under these conditions, under them and under the others.
    """

    name: str
    information: Information
    observers: Mapping["RuleName", tuple["Expected", "Expected"]] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Comparison:
    """How two distributions of conditions differ in the information that they carry.

    Attributes
    ----------
    training, test : Side
        Both distributions.
    q : ndarray (rings,)
        The band [1/A].
    pair : PairMetrics
        sigma and its relatives.
    bands : tuple of Band
        Where in q information is lost or new.
    remarks : tuple of str
        Remarks that a person should know before reading the numbers.
    setting : mapping
        Energy [keV] and size of a pixel [A].
    verdict : Verdict, optional
        The prediction of an observer in one sentence; None without observers.
    """

    training: Side
    test: Side
    q: Array
    pair: PairMetrics
    bands: tuple[Band, ...]
    remarks: tuple[str, ...]
    setting: Mapping[str, float]
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        """Return it as lines to read."""
        return "\n".join(self._lines())

    def summary_lines(self) -> Iterator[str]:
        """Yield the verdict, the numbers behind it, and remarks."""
        yield from self._verdict_lines()
        yield from self._remark_lines()

    def _verdict_lines(self) -> Iterator[str]:
        if self.verdict is not None:
            yield from (self.verdict.sentence, self.verdict.basis)

    def _remark_lines(self) -> Iterator[str]:
        yield from (f"note: {remark}" for remark in self.remarks)

    def _lines(self) -> Iterator[str]:
        pair, setting = self.pair, self.setting
        training, test = self.distinct_sides()
        yield from self._verdict_lines()
        yield f"{training.name} -> {test.name}"
        yield f"at {setting['energy_kev']:g} keV, up to {self.q[-1]:.3g} 1/A, pixels of {setting['pixel_angstrom']:g} A"
        for side in (training, test):
            epsilon = Estimate(side.information.epsilon, side.information.epsilon_error)
            yield f"epsilon of {side.name}: {estimate_text(epsilon)} bits a spatial frequency"
        yield f"sigma: {estimate_text(pair.sigma)} (d = {estimate_text(pair.distance)})"
        yield f"one plane: d = {estimate_text(pair.one_plane_distance)}"
        yield f"ln S within the aperture: d = {estimate_text(pair.distance_log_aperture)}"
        yield f"overlap: {estimate_text(pair.overlap)}, signed cosine: {estimate_text(pair.cosine)}"
        yield from self._observer_lines(training, test)
        yield from self._observer_lines(test, training)
        yield from map(band_text, self.bands)
        if not self.bands:
            yield "nowhere is more than half of the information lost or new"
        yield from self._remark_lines()

    def distinct_sides(self) -> tuple[Side, Side]:
        """Return both sides, under names that differ."""
        if self.training.name != self.test.name:
            return self.training, self.test
        named = [(self.training, "training"), (self.test, "test")]
        ours, theirs = (replace(side, name=f"{side.name} ({role})") for side, role in named)
        return ours, theirs

    @staticmethod
    def _observer_lines(learning: Side, other: Side) -> Iterator[str]:
        for rule, (own, there) in learning.observers.items():
            yield (
                f"{rule} observer of {learning.name}: cross-entropy {own.cross_entropy:.3f} there, "
                f"{there.cross_entropy:.3f} +- {there.cross_entropy * there.ln_error:.3f} under {other.name}; "
                f"F1 {own.f1:.3f} and {there.f1:.3f}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as numbers, texts, lists and mappings; undefined numbers are None."""
        return {
            **({} if self.verdict is None else self.verdict.to_dict()),
            "training": _side(self.training),
            "test": _side(self.test),
            **{name: _estimate(getattr(self.pair, name)) for name in vars(self.pair)},
            "bands": [asdict(band) | {"spacings_angstrom": list(band.spacings)} for band in self.bands],
            "q_per_A": self.q.tolist(),
            "spectrum_q_per_A": self.training.information.q.tolist(),
            "remarks": list(self.remarks),
            **self.setting,
        }

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)


def estimate_text(number: Estimate | None) -> str:
    """Write a number with its Monte-Carlo error.

    Examples
    --------
    >>> estimate_text(Estimate(0.51234, 0.0021)), estimate_text(None)
    ('0.512 +- 0.002', 'undefined (nothing is transferred)')
    """
    return "undefined (nothing is transferred)" if number is None else f"{number.value:.3f} +- {number.error:.3f}"


def _side(side: Side) -> dict[str, Any]:
    transferred = side.information
    return {
        "name": side.name,
        "epsilon": transferred.epsilon,
        "epsilon_error": transferred.epsilon_error,
        "bits": transferred.bits.tolist(),
        "spectrum": transferred.spectrum.tolist(),
        "transfer_rms": transferred.transfer_rms.tolist(),
        "observers": {
            rule: {"own": asdict(own), "other": asdict(other)} for rule, (own, other) in side.observers.items()
        },
    }


def _estimate(number: Estimate | None) -> dict[str, float] | None:
    return None if number is None else number._asdict()
