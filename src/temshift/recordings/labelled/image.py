"""A micrograph with its labels, read when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass

from temshift.core import InputError
from temshift.recordings.labelled.labels import Labels
from temshift.recordings.micrograph import Micrograph
from temshift.recordings.recording import sized

_MOST_NAMES = 5  # in a message


@dataclass(frozen=True)
class LabelledImage:
    """A micrograph and the labels of its particles.

    Attributes
    ----------
    name, mask : str
        Of the image and of its labels, for people.
    condition : str
        The name of the images that it belongs to.
    micrograph : callable
        Reads the image.
    labels : callable
        Reads its labels (y, x).
    """

    name: str
    mask: str
    condition: str
    micrograph: Callable[[], Micrograph]
    labels: Callable[[], Labels]

    def read(self) -> tuple[Micrograph, Labels]:
        """Read both.

        Raises
        ------
        InputError
            If either can't be read, or they differ in size.
        """
        micrograph, labels = self.micrograph(), self.labels()
        if micrograph.counts.shape != labels.shape:
            raise InputError(
                f"{self.mask} has {sized(labels.shape)} pixels, and {self.name} has {sized(micrograph.counts.shape)}; "
                "give a mask of its size"
            )
        return micrograph, labels


def listed_names(names: list[str]) -> str:
    """Write a few of some names, and how many more there are.

    Examples
    --------
    >>> listed_names(list("abcdefg"))
    'a, b, c, d, e and 2 more'
    """
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
