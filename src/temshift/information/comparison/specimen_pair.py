"""Specimens of a comparison where those that networks are trained on are others than those that tests show."""

from dataclasses import dataclass
from functools import cached_property

from temshift.core import InputError
from temshift.information.objects.library import ObjectLibrary


@dataclass(frozen=True)
class SpecimenPair:
    """Two kinds of specimens, each with its own particles and films.

    Attributes
    ----------
    training, test : ObjectLibrary
        Of the specimens of the training and of those of the test.
    names : pair of str
        What they are called, such as "CdSe" and "Ag".

    Raises
    ------
    InputError
        If both have the same name, or no ring of spatial frequencies in common.
    """

    training: ObjectLibrary
    test: ObjectLibrary
    names: tuple[str, str]

    def __post_init__(self) -> None:
        """Refuse pairs that can't be compared."""
        if self.names[0] == self.names[1]:
            raise InputError(f"both sides have the specimens {self.names[0]}; give them once, as specimens of both")
        if self.training.q[0] > self.test.q[-1] or self.test.q[0] > self.training.q[-1]:
            raise InputError(
                f"{self.names[0]} and {self.names[1]} have no spatial frequency in common; measure both up to one end"
            )

    @cached_property
    def on_one_grid(self) -> tuple[ObjectLibrary, ObjectLibrary]:
        """Both with the rings of the training specimens, as far as both reach."""
        q = self.training.q
        common = q[q <= self.test.q[-1] * (1 + 1e-9)]
        return self.training.resampled(common), self.test.resampled(common)


def same_on_both(library: ObjectLibrary) -> tuple[ObjectLibrary, ObjectLibrary]:
    """Return the libraries of both sides where specimens are the same."""
    return library, library
