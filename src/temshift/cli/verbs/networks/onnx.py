"""The verb ``onnx``, once its options are read."""

from pathlib import Path

from rich.console import Console

from temshift.networks import export_onnx, load


def onnx(network: Path, output: Path, code: Path | None = None) -> None:
    """Write a network as ONNX; a factory's code is imported from the folder ``code`` alone."""
    export_onnx(load(network, code=code), output)
    megabytes = output.stat().st_size / 1e6
    Console().print(
        f"{output}: {megabytes:.1f} MB, images (n, 1, y, x) of any size to logits; checked against the network",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
