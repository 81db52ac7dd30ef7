"""fixed settings of a camera."""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from temshift.configuration.model import Configuration
from temshift.optics.camera.frequencies import profile_frequencies, require_detectable, tabled
from temshift.optics.camera.mtf import Shape, TransferTable

_LATER = ("kind", "pixel_angstrom", "bits")  # settings that older studies do not know
CameraKind = Literal["counting", "scintillator"]


class CameraSettings(Configuration):
    """fixed settings of a camera; those that may differ between images stand in :class:`CameraResponse`.

    A table multiplies the parametric transfer of the same name, which is 1 where its half frequency is infinite.
    Without an NTF, tabled or parametric, the camera counts: each detected electron is one event in one pixel.
    ``binning`` pixels are summed along y and x.

    ``pixel_angstrom`` is the size of the camera's own pixels at the specimen, before binning; left out, they are those
    of the waves. Half frequencies and read noise count in them.

    ``kind`` names the physics, so that what contradicts it is refused. A ``scintillator`` integrates light: its NTF is
    MTF^(1 - s), where the share s is a condition, 0 if it is left out; an NTF that is given holds instead. A
    ``counting`` camera has no NTF unless one is given, and may lose coincident electrons. Without a kind the keys of
    the conditions decide alone, so that one study may hold cameras of both kinds.

    ``bits: 8`` keeps each image as whole levels from 0, its darkest pixel, to 255, its brightest one. Left out, counts
    stay as they are. Observers and transfer functions do not see it.
    """

    kind: CameraKind | None = None
    pixel_angstrom: Annotated[float, Field(gt=0, le=100)] | None = None
    shape: Shape = "gaussian"
    mtf_table: TransferTable | None = None
    ntf_table: TransferTable | None = None
    binning: Annotated[int, Field(ge=1, le=8)] = 1
    bits: Literal[8] | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the later settings that aren't given: ids of older studies stay."""
        return {key: value for key, value in handler(self).items() if key not in _LATER or value is not None}

    @model_validator(mode="after")
    def _detectable(self) -> "CameraSettings":
        if self.mtf_table is not None and self.ntf_table is not None:
            radius = profile_frequencies(torch.device("cpu"), torch.float64)
            require_detectable(*(tabled(table, radius)[None] for table in (self.mtf_table, self.ntf_table)))
        return self

    def remarks(self) -> list[str]:
        """Return remarks on its tables that a person should know, one sentence each."""
        tables = {"mtf_table": self.mtf_table, "ntf_table": self.ntf_table}
        return [f"{name} {remark}" for name, table in tables.items() if table for remark in table.remarks()]


COUNTING = CameraSettings()
