"""How images are formed under any conditions: the treatment of coherence, and the camera."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from temshift.configuration import Configuration
from temshift.core import Grid
from temshift.optics.camera import CameraSettings

FARTHEST = 8  # ratio of the camera's pixels to those of the waves, and the other way round


class ImagingSettings(Configuration):
    """How images are formed.

    ``coherence: exact`` sums coherent images over focus and angles of the illumination, as many as keep the error of
    interference with the direct beam below ``tolerance``; ``envelope`` damps one image by envelopes, faster, and exact
    only for objects that scatter weakly. All images are taken with one ``camera``.
    """

    coherence: Literal["exact", "envelope"] = "exact"
    tolerance: Annotated[float, Field(ge=1e-9, le=0.1)] = 1e-3
    camera: CameraSettings = CameraSettings()

    def camera_grid(self, grid: Grid) -> Grid:
        """Return the (y, x) plane of the camera's own pixels over waves on ``grid``.

        Pixels of a given size are made to fit: as many, in whole bins, as come nearest to it.
        """
        if self.camera.pixel_angstrom is None:
            return grid
        bin_size = self.camera.binning * self.camera.pixel_angstrom
        down, across = (self.camera.binning * max(1, round(length / bin_size)) for length in grid.extent)
        return Grid((down, across), (grid.extent[0] / down, grid.extent[1] / across))

    def image_grid(self, grid: Grid) -> Grid:
        """Return the (y, x) plane of binned images of waves on ``grid``."""
        grid, binning = self.camera_grid(grid), self.camera.binning
        shape = grid.shape[0] // binning, grid.shape[1] // binning
        return Grid(shape, (binning * grid.sampling[0], binning * grid.sampling[1]))

    def faults(self, grid: Grid) -> Iterator[str]:
        """Yield the reasons that images of waves on ``grid`` can't be formed this way."""
        binning = self.camera.binning
        if self.camera.pixel_angstrom is not None:
            ratio = self.camera.pixel_angstrom / max(grid.sampling)
            if not 1 / FARTHEST <= ratio <= FARTHEST:
                yield (
                    f"camera.pixel_angstrom = {self.camera.pixel_angstrom:g} and waves on {max(grid.sampling):.3g} A "
                    f"pixels differ by more than a factor {FARTHEST}; give the pixels at the specimen, not on the chip"
                )
        elif any(size % binning for size in grid.shape):
            yield f"{binning} does not divide {grid.shape[1]} x {grid.shape[0]} pixels; change cell_nm or the sampling"


EXACT = ImagingSettings()
