"""Galleries of pictures as the page embeds them: in as many bytes as it can spare, and what that cost in words."""

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from temshift.core import spread_out
from temshift.figures.encoding import CODINGS, SAMPLES, Coding, base64_text, mean_sizes
from temshift.figures.pictures import bar_rectangle, scale_bar, short_outline
from temshift.report.data.galleries import Gallery
from temshift.report.page.markup import embedded_json
from temshift.report.page.verdict import count_words

MOST_BYTES = 4_900_000  # of the page, for all galleries together
MOST_OF_ALL = 5_900_000  # with the pictures that stand in the page
_AIM = 0.97  # of what may be used; sizes of the others are as those of the samples but for a few per cent
_SHRINK = 0.9  # where that was not enough
_NUMBERS = 30  # bytes of the numbers of a picture
_HALF = 127.5  # probability one half


@dataclass(frozen=True)
class _Choice:
    """How pictures are encoded, how many specimens of each gallery are shown, and what share of the conditions."""

    coding: Coding
    specimens: int
    share: float


def room_beside(pictures: Iterable[str]) -> int:
    """Return how many bytes galleries may take beside other pictures of the page, given as HTML."""
    return min(MOST_BYTES, MOST_OF_ALL - sum(map(len, pictures)))


def page_galleries(galleries: Sequence[Gallery], most: int = MOST_BYTES) -> dict[str, Any]:
    """Gather the pictures that the page shows of every test condition.

    Encoded as well as ``most`` bytes allow: first without loss, then as WebP of less and less quality, then with fewer
    specimens, then with fewer conditions, evenly thinned.

    Parameters
    ----------
    galleries : sequence of Gallery
    most : int
        Bytes that they may take in the page.

    Returns
    -------
    dict
        For JSON: ``sets``, one a gallery, ``outlines`` as SVG paths in tenths of a pixel, a line each, compressed, to
        which the sets refer by number, and ``words`` on what is shown.
    """
    if not galleries:
        return {"sets": [], "outlines": _packed([]), "words": ""}
    room = _AIM * most
    while True:
        choice = _choice(galleries, room)
        data = _page(galleries, choice)
        if len(embedded_json(data).encode()) <= most or _is_least(galleries, choice):
            return data
        room *= _SHRINK


def _is_least(galleries: Sequence[Gallery], choice: _Choice) -> bool:
    return all(len(_shown(gallery, choice)) == 1 for gallery in galleries) and choice.specimens == 1


def _choice(galleries: Sequence[Gallery], room: float) -> _Choice:
    """The first of all choices that fits by the sizes of samples."""
    samples = _samples(galleries)
    outlines = len(_packed([path for one in samples for path in _predicted(*one)])) / len(samples)
    levels = [gallery.levels[specimen, condition] for gallery, specimen, condition in samples]
    costs = [outlines + _NUMBERS + size for size in mean_sizes(levels)]
    conditions = sum(len(gallery.conditions) for gallery in galleries)
    for specimens in range(max(len(gallery.specimens) for gallery in galleries), 0, -1):
        for coding, cost in zip(CODINGS, costs, strict=True):
            if cost * specimens * conditions <= room:
                return _Choice(coding, specimens, 1.0)
    return _Choice(CODINGS[-1], 1, room / (costs[-1] * conditions))


def _samples(galleries: Sequence[Gallery]) -> list[tuple[Gallery, int, int]]:
    """Some pictures, evenly spread over all: gallery, specimen and condition."""
    every = [(g, s, c) for g in galleries for s in range(len(g.specimens)) for c in range(len(g.conditions))]
    return spread_out(every, SAMPLES)


def _predicted(gallery: Gallery, specimen: int, condition: int) -> list[str]:
    return [short_outline(field, _HALF) for field in gallery.probabilities[:, specimen, condition]]


def _packed(outlines: Sequence[str]) -> str:
    """SVG paths, one a line, compressed."""
    return base64_text(zlib.compress("\n".join(outlines).encode("ascii"), 9))


def _shown(gallery: Gallery, choice: _Choice) -> list[int]:
    """Places of the conditions that are shown."""
    count = max(1, math.floor(choice.share * len(gallery.conditions)))
    return spread_out(range(len(gallery.conditions)), count)


def _page(galleries: Sequence[Gallery], choice: _Choice) -> dict[str, Any]:
    outlines: dict[str, int] = {}

    def number_of(path: str) -> int:
        return outlines.setdefault(path, len(outlines))

    sets = [_set(gallery, choice, number_of) for gallery in galleries]
    return {"sets": sets, "outlines": _packed(list(outlines)), "words": _words(galleries, choice)}


def _set(gallery: Gallery, choice: _Choice, number_of: Callable[[str], int]) -> dict[str, Any]:
    height, width = gallery.masks.shape[2:]
    return {
        "label": gallery.label,
        "specimens": gallery.specimens[: choice.specimens],
        "networks": gallery.networks,
        "width": width,
        "height": height,
        "bar": bar_rectangle(width, height, gallery.pixel),
        "bar_words": f"{scale_bar(width * gallery.pixel / 10):g} nm",
        "pixel_words": f"{gallery.pixel:.3g} Å",
        "kind": choice.coding.kind,
        "conditions": [_condition(gallery, place, choice, number_of) for place in _shown(gallery, choice)],
    }


def _condition(gallery: Gallery, place: int, choice: _Choice, number_of: Callable[[str], int]) -> dict[str, Any]:
    specimens = range(min(choice.specimens, len(gallery.specimens)))
    coded = [choice.coding.encoded(gallery.levels[specimen, place]) for specimen in specimens]
    return {
        "name": gallery.conditions[place],
        "pictures": [base64_text(one) for one in coded],
        "truth": [number_of(short_outline(gallery.masks[specimen, place])) for specimen in specimens],
        "predicted": [
            [number_of(path) for path in paths]
            for paths in zip(*(_predicted(gallery, specimen, place) for specimen in specimens), strict=True)
        ],
        "overlaps": [[_overlap(row[specimen, place]) for specimen in specimens] for row in gallery.overlaps],
    }


def _overlap(value: np.float32) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None


def _words(galleries: Sequence[Gallery], choice: _Choice) -> str:
    """What is shown of what there is, and how it was made small."""
    first = galleries[0]
    specimens = min(choice.specimens, len(first.specimens))
    every = "the very images that networks are scored on"
    shown, of = sum(len(_shown(gallery, choice)) for gallery in galleries), sum(gallery.of for gallery in galleries)
    thinned = f"Pictures of {shown} of {of} test conditions, evenly thinned" if shown < of else "All test conditions"
    binned = f", {first.binned} × {first.binned} pixels averaged to one" if first.binned > 1 else ""
    return f"{thinned}, {count_words(specimens, 'specimen')} each: {every}{binned} ({choice.coding.words})."
