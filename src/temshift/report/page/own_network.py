"""What the page says of one network that was made elsewhere, in place of what it says of a study."""

import numpy as np

from temshift.figures.labels import brief, fixed, number
from temshift.report.data.matrix import Matrix
from temshift.report.page.verdict import count_words, median_of, varied_words

LIMITS = (
    "The network was made elsewhere. What it was trained on is known as far as it was told; whether the specimens here "
    "are like those that it learned from is not.",
    "One network says nothing about the spread between networks trained alike.",
)


def verdict_of_one(matrix: Matrix) -> list[str]:
    """Sentences on how one network fares inside and outside the conditions that it was trained on.

    Parameters
    ----------
    matrix : Matrix
        Of one row.

    Returns
    -------
    list of str
        Plain text, without markup; a sentence is left out where there are no numbers for it.
    """
    return [sentence for sentence in (_scope(matrix), _inside_and_outside(matrix), _extremes(matrix)) if sentence]


def _scope(matrix: Matrix) -> str:
    columns = count_words(len(matrix.tests), "test condition") + varied_words(matrix)
    images = brief(median_of(matrix.cells["images"]))
    known = matrix.trainings[0].told
    unknown = "" if known else " What it was trained on is not told, so that nothing can be said of sigma."
    return f"The network was scored under {columns}, each on {images} simulated micrographs.{unknown}"


def _inside_and_outside(matrix: Matrix) -> str:
    loss = matrix.cells["cross_entropy"]
    inside, outside = median_of(loss[matrix.near]), median_of(loss[~matrix.near])
    if inside is None or outside is None or inside <= 0:
        return ""
    return (
        f"Inside its training distribution its cross-entropy is typically {number(inside)}; outside it typically "
        f"{number(outside / inside)} times as high."
    )


def _extremes(matrix: Matrix) -> str:
    loss, f1 = (matrix.cells[key][0] for key in ("cross_entropy", "f1"))
    if np.isfinite(loss).sum() < 2:
        return ""
    best, worst = (
        f"“{matrix.tests[place].name}” (cross-entropy {number(float(loss[place]))}, F1 {fixed(float(f1[place]))})"
        for place in (int(np.nanargmin(loss)), int(np.nanargmax(loss)))
    )
    return f"It does best under {best} and worst under {worst}."
