"""The waves that a worker keeps in memory: as many sets as are small, the last three whatever their size."""

from pathlib import Path
from typing import Any

import pytest
import torch

from temshift.studies import sources
from temshift.studies.sources import FEWEST_KEPT, _Kept


class _Spectra:
    def __init__(self, count: int) -> None:
        self.values = torch.zeros(count)


@pytest.mark.parametrize(("numbers", "kept"), [(10, 7), (10_000, FEWEST_KEPT)])
def test_small_sets_stay_and_of_large_ones_the_last_three(
    numbers: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def read(store: Path, *_: Any) -> Any:
        reads.append(store)
        return _Spectra(numbers), torch.zeros(1, dtype=torch.bool)

    monkeypatch.setattr(sources, "read_spectra", read)
    monkeypatch.setattr(sources, "KEPT_BYTES", 1000)
    waves, places = _Kept(), [Path(str(number)) for number in range(7)]
    for place in [*places, *places[-kept:]]:
        waves.read((place, (1.0, 1.0, 1.0), "cpu", 1))
    assert reads == places
    waves.read((places[0], (1.0, 1.0, 1.0), "cpu", 1))
    assert len(reads) == len(places) + (kept < 7)
    assert waves.bytes <= max(1000, FEWEST_KEPT * (4 * numbers + 1))
