"""Made-up pictures of test conditions, written as a study keeps them."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temshift.storage.files import write_json
from temshift.storage.records import write_recorded

PER_PART = 4  # conditions


def write_pictures(
    folder: Path,
    tests: Sequence[str],
    networks: Sequence[str],
    *,
    specimens: int = 2,
    pixels: int = 48,
    label: str = "",
) -> None:
    """Write pictures of noise with a disc, which a network finds the better the higher its number."""
    rng = np.random.default_rng(11)
    specimens, starts = 2, range(0, len(tests), PER_PART)
    for start in starts:
        names = list(tests[start : start + PER_PART])
        facts = {
            "conditions": names,
            "specimens": [f"specimen {number} & co" for number in range(specimens)],
            "networks": list(networks),
            **{"pixel_angstrom": 0.8, "binned": 2},
        }
        write_part(folder, f"part-{start}", facts, arrays(rng, len(networks), specimens, len(names), pixels))
    parts = [f"part-{start}" for start in starts]
    write_json(folder / "pictures.json", {"sets": [{"label": label, "parts": parts, "of": len(tests)}]})


def arrays(
    rng: np.random.Generator, networks: int, specimens: int, conditions: int, pixels: int
) -> dict[str, NDArray[Any]]:
    seen = (specimens, conditions, pixels, pixels)
    y, x = np.mgrid[:pixels, :pixels]
    disc = np.hypot(y - pixels / 2, x - pixels / 2) < pixels / 4
    masks = np.broadcast_to(disc, seen).astype(np.uint8)
    noise = rng.normal(0, 40, (networks, *seen))
    levels = np.clip(rng.normal(128, 50, seen), 0, 255).astype(np.uint8)
    probabilities = np.clip(40 + 175 * masks + noise / (1 + np.arange(networks))[:, None, None, None, None], 0, 255)
    overlaps = np.full((networks, specimens, conditions), 0.75, np.float32)
    overlaps[:, 0, 0] = np.nan
    return {"levels": levels, "masks": masks, "probabilities": probabilities.astype(np.uint8), "overlaps": overlaps}


def write_part(folder: Path, name: str, facts: dict[str, Any], found: dict[str, NDArray[Any]]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **found)
    write_recorded(folder / "pictures" / f"{name}.json", {f"{name}.npz": buffer.getvalue()}, facts)
