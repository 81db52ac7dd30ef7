"""The verdict of a comparison: one sentence, from the scores that an observer expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from temshift.information.comparison.bands import Band
    from temshift.information.comparison.causes import Cause
    from temshift.information.observers.observer import Expected, RuleName

NOTABLE = 1.1  # factor between cross-entropies below which networks are about as good
HOPELESS = 0.8  # share of the loss of chance that is kept even with the best training; ours
MOSTLY = 0.75  # share of the logarithm of a factor that makes a cause the only one; ours
PREFERRED: tuple["RuleName", ...] = ("both", "linear", "forest", "ideal")  # observers, that of the verdict first


@dataclass(frozen=True)
class Verdict:
    """How much networks trained under some conditions lose under others, as an observer predicts it.

    Attributes
    ----------
    training, test : str
        Names of both conditions.
    rule : str
        The observer.
    there : Expected
        Its scores under the test conditions, learnt under the training conditions.
    own : Expected
        Its scores under the test conditions, learnt under them.
    chance : float
        Cross-entropy of an observer that knows only the share of the area on particles [nats].
    reason : str
        Why something is lost; empty if networks are about as good.
    alone : Expected, optional
        Its scores under the test conditions, learnt under them on the specimens of the training, where these are other
        ones.
    """

    training: str
    test: str
    rule: str
    there: "Expected"
    own: "Expected"
    chance: float
    reason: str
    alone: "Expected | None" = None

    @property
    def specimens_factor(self) -> float | None:
        """The part of the factor that other specimens make by themselves; None if they are the same."""
        return None if self.alone is None else self.alone.cross_entropy / self.own.cross_entropy

    def whole_reason(self, of_conditions: str) -> str:
        """Return why something is lost, by conditions or by specimens; which of them counts is judged on factors.

        Where other specimens make three quarters or more of the factor on its logarithmic scale, only they are named;
        where they make a quarter or less, they are not.
        """
        factor = self.specimens_factor
        if factor is None:
            return of_conditions
        share = float(np.log(factor) / np.log(self.factor))
        if share <= 1 - MOSTLY:
            return of_conditions
        if share >= MOSTLY:
            return "other specimens"
        return f"{of_conditions}, and other specimens, a factor of {factor_text(factor)} by themselves"

    @property
    def factor(self) -> float:
        """Cross-entropy under the test conditions over that of training on them: the regret, 1 if nothing is lost."""
        return self.there.cross_entropy / self.own.cross_entropy

    @property
    def ln_error(self) -> float:
        """Standard error of the factor's logarithm; at most so much, since both are tested on the same draws."""
        return float(np.hypot(self.there.ln_error, self.own.ln_error))

    @property
    def hopeless(self) -> bool:
        """Whether even training on the test conditions leaves 80 % or more of the loss of chance."""
        return self.own.cross_entropy >= HOPELESS * self.chance

    @property
    def outcome(self) -> str:
        """The factor and its reason, in a few words."""
        lost = "about as good" if self.factor < NOTABLE else f"lose a factor of {factor_text(self.factor)}"
        return lost + (f": {self.reason}" if self.reason else "")

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.factor < NOTABLE:
            middle = f"are about as good on {self.test} as networks trained there"
        else:
            middle = f"lose a factor of {factor_text(self.factor)} on {self.test}: {self.reason}"
        return f"networks trained on {self.training} {middle}{self._level()}"

    def _level(self) -> str:
        """Say if scores are as bad as those of chance, which no factor shows."""
        share = self.there.cross_entropy / self.chance
        lost = ["worse than chance" if share >= NOTABLE else "no better than chance"] if share >= 1 else []
        if self.hopeless:
            lost.append(f"even networks trained on {self.test} are near chance")
        return "".join(f"; {words}" for words in lost)

    @property
    def basis(self) -> str:
        """The numbers behind the sentence, and that they are a prediction of an observer."""
        there, own = self.there, self.own
        return (
            f"predicted by {observer_text(self.rule)}, not measured with networks: cross-entropy "
            f"{there.cross_entropy:.3f} on {self.test}, {own.cross_entropy:.3f} if trained there, "
            f"{self.chance:.3f} by chance; F1 {there.f1:.2f} and {own.f1:.2f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "verdict": self.sentence,
            "factor": self.factor,
            "factor_ln_error": self.ln_error,
            "specimens_factor": self.specimens_factor,
            "reason": self.reason,
            "hopeless": self.hopeless,
            "verdict_observer": self.rule,
            "chance_cross_entropy": self.chance,
        }


def preferred_rule(rules: "Sequence[RuleName]") -> "RuleName | None":
    """Return the observer of the verdict; None if there is none.

    Examples
    --------
    >>> preferred_rule(["linear", "both"]), preferred_rule([])
    ('both', None)
    """
    return next((rule for rule in PREFERRED if rule in rules), None)


def observer_text(rule: str) -> str:
    """Write the name of an observer.

    Examples
    --------
    >>> observer_text("linear"), observer_text("both")
    ('the linear observer', 'the linear observer and the forest together')
    """
    return "the linear observer and the forest together" if rule == "both" else f"the {rule} observer"


def factor_text(factor: float) -> str:
    """Write a factor with two digits.

    Examples
    --------
    >>> factor_text(1.463), factor_text(31.2)
    ('1.5', '31')
    """
    return f"{factor:.1f}" if factor < 9.95 else f"{factor:.0f}"


def reason_text(cause: "Cause | None", nearer: bool, bands: Sequence["Band"]) -> str:
    """Write why information is lost.

    Parameters
    ----------
    cause, nearer
        Of :func:`temshift.information.comparison.causes.cause_of_loss`.
    bands : sequence of Band
        Bands that are lost or new.

    Examples
    --------
    >>> reason_text("focus", True, ()), reason_text("noise", False, ())
    ('blind in focus', 'noise')
    """
    if cause is None:
        return "nothing is lost, but images look unlike those learnt from"
    if cause == "focus":
        return "blind in focus" if nearer else f"{_band_lost(bands)} to defocus"
    return {"noise": "noise", "band": _band_lost(bands), "aberrations": f"{_band_lost(bands)} to aberrations"}[cause]


def _band_lost(bands: Sequence["Band"]) -> str:
    """Name the lost band that holds most bits."""
    lost = max((band for band in bands if band.kind == "lost"), key=lambda band: band.bits, default=None)
    if lost is None:
        return "band lost"
    coarse, fine = lost.spacings
    return f"band lost ({coarse:.2g} to {fine:.2g} A)"


def chance_loss(share: float) -> float:
    """Cross-entropy of an observer that knows only the share of the area on particles [nats], H = -sum p ln p.

    Examples
    --------
    >>> round(chance_loss(0.5), 3), round(chance_loss(0.2), 3)
    (0.693, 0.5)
    """
    shares = np.clip([share, 1 - share], np.finfo(float).tiny, 1)
    return float(-(shares * np.log(shares)).sum())
