"""Trained weights that a training starts from: where they are, and that they are those that were meant."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.core.hashes import file_hash
from temshift.networks.layers import Part


class InitialWeights(Configuration):
    """Trained weights to start from, and the part of the network that keeps them.

    The path is that of a network's folder or of the weights in it, and counts from the folder where temshift is called.
    """

    weights: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    freeze: Part = "none"

    @property
    def file(self) -> Path:
        """The file of weights."""
        path = Path(self.weights)
        return path / "weights.safetensors" if path.is_dir() else path

    def resolved(self) -> "InitialWeights":
        """Return the same with ``sha256`` filled in and its whole path, for workers that are called from elsewhere.

        A file that is not there is an InputError if ``sha256`` is not given.
        """
        whole = {"weights": str(Path(self.weights).absolute()), "sha256": self.sha256 or self._hash()}
        return self.model_copy(update=whole)

    def verified(self) -> Path:
        """Return the file of weights; one that is not the file that was recorded is an InputError."""
        actual = self._hash()
        if self.sha256 not in (None, actual):
            raise InputError(
                f"{self.file} is not the file that was recorded: sha256 {actual[:12]}... instead of "
                f"{str(self.sha256)[:12]}...; restore it, or remove its sha256 to take it as it is"
            )
        return self.file

    def _hash(self) -> str:
        try:
            return file_hash(self.file)
        except OSError as error:
            raise InputError(
                f"cannot read the initial weights {self.file}: {error.strerror}; give the folder of a trained network "
                "that kept its weights"
            ) from error
