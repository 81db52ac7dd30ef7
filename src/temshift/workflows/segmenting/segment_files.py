"""Micrographs from the files of microscopes, one after the other: masks, one table of all particles, and a page."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from temshift.core import InputError, TemshiftError, content_hash
from temshift.execution import Progress, SilentProgress
from temshift.networks import OnnxNetwork, load_with_card, onnx_identity, read_card, weights_bytes
from temshift.recordings import Micrograph, read_micrograph
from temshift.report import segmentations_html, write_segmentation_page
from temshift.scoring import Network, Reading
from temshift.segmentation import FILES, PARTICLES, RECORD, Cleaning, Segmentation, segment, write_segmentation
from temshift.specimens import Crystal
from temshift.storage import claim, read_json, write_bytes, write_json, write_text
from temshift.workflows.segmenting.pages import shown_segmentation

MARKER = "segmentations.json"
PAGE = "report.html"
SEGMENTATION_VERSION = 1  # raised whenever the same image and settings give another mask, table or page
IMAGES_FILE, PARTICLES_FILE = "images.csv", "particles.csv"
IMAGES: dict[str, Any] = {
    "image": pl.String,
    "folder": pl.String,
    "particles": pl.Int64,
    "pixel_y_angstrom": pl.Float64,
    "pixel_x_angstrom": pl.Float64,
    "pixel_source": pl.String,
    "lattice_pixel_angstrom": pl.Float64,
    "median_diameter_nm": pl.Float64,
    "reason": pl.String,
}
_LONGEST_NAME = 60
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}$")
_STRANGE = re.compile(r'[\x00-\x1f/\\:*?"<>|]|^\.')
_IDENTITY_DIGITS = 16
_WEIGHTS = (".safetensors", ".json")


@dataclass(frozen=True, kw_only=True)
class SegmentSettings:
    """How micrographs are read, cleaned, segmented and measured.

    Attributes
    ----------
    overrides : mapping
        Parameters of `temshift.read_micrograph`, in place of the facts in the files.
    cleaning : Cleaning
        The steps.
    reading : Reading
        How the output of the network is read.
    crystal : Crystal or str, optional
        To check the pixel size.
    split : bool
        Whether touching particles are split.
    smallest_nm : float
        Diameter of the smallest particle [nm].
    """

    overrides: dict[str, Any] = field(default_factory=dict)
    cleaning: Cleaning = field(default_factory=Cleaning)
    reading: Reading = field(default_factory=Reading)
    crystal: Crystal | str | None = None
    split: bool = True
    smallest_nm: float = 1.0


@dataclass(frozen=True)
class OpenedNetwork:
    """A network, its name for people, its hash, and the device that it is on."""

    network: Network
    name: str
    identity: str
    device: str = "cpu"


@dataclass(frozen=True)
class Segmented:
    """The folder of several segmentations.

    Attributes
    ----------
    root : Path
        The folder.
    images : polars.DataFrame
        One row a file, with the columns ``IMAGES``; ``reason`` says why there is no mask.
    particles : polars.DataFrame
        All particles, with the image that each is in.
    """

    root: Path
    images: pl.DataFrame
    particles: pl.DataFrame

    @property
    def page(self) -> Path:
        """The page of all of them."""
        return self.root / PAGE

    @property
    def failures(self) -> dict[str, str]:
        """Files without a mask, and the reasons."""
        failed = self.images.filter(pl.col("reason").is_not_null())
        return dict(zip(failed["image"], failed["reason"], strict=True))


def network_and_files(
    given: Sequence[Path | str],
    onnx: Path | str | None,
    study: Path | str | None,
    device: str,
    code: Path | str | None = None,
) -> tuple[OpenedNetwork, list[Path]]:
    """Open the network that is meant by the first of some paths, or by ``onnx``; the others are micrographs.

    Parameters
    ----------
    given : sequence of path
        A network's folder, its weights, or its id in a study, and files; files alone if ``onnx`` is given.
    onnx : path, optional
        An ONNX file.
    study : path, optional
        The folder of a study that the id lies in.
    device : str
        "cpu" or "cuda".
    code : path, optional
        The folder of a factory's code.

    Raises
    ------
    InputError
        If there is no network, or no file.
    """
    if onnx is not None:
        if study is not None:
            raise InputError("--onnx and --study exclude each other; give one of them")
        identity = onnx_identity(onnx)  # first: ONNX Runtime waits for ever for weights in a pipe
        opened, files = OpenedNetwork(OnnxNetwork(onnx, device=device), Path(onnx).stem, identity), list(given)
    else:
        first, *files = given
        opened = _stored(_network_place(Path(first), study), device, None if code is None else Path(code))
    if not files:
        raise InputError("no micrograph is given; name one or more files after the network")
    return opened, [Path(file) for file in files]


def _network_place(first: Path, study: Path | str | None) -> Path:
    if study is not None:
        place = Path(study) / "networks" / first.name
        if not place.is_dir():
            raise InputError(f"{study} has no network {first}; temshift runs {study} lists them")
        return place
    if not first.is_dir() and first.suffix not in _WEIGHTS:
        raise InputError(
            f"{first} is no network; give the folder of a network first, its id with --study FOLDER, or --onnx FILE"
        )
    return first


def _stored(place: Path, device: str, code: Path | None) -> OpenedNetwork:
    network, _ = load_with_card(place, code=code)
    identity = hashlib.sha256(weights_bytes(network.state_dict())).hexdigest()[:_IDENTITY_DIGITS]
    return OpenedNetwork(network.to(device), str(read_card(place).get("training_name", place.stem)), identity, device)


def segment_files(
    opened: OpenedNetwork,
    files: Sequence[Path | str],
    output: Path | str,
    settings: SegmentSettings | None = None,
    *,
    progress: Progress | None = None,
) -> Segmented:
    """Segment micrographs into a folder: a folder for each, one table of all particles, and a table of the files.

    A file that can't be segmented is listed with the reason, and the others go on.

    Parameters
    ----------
    opened : OpenedNetwork
        The network, see `network_and_files`.
    files : sequence of path
        Micrographs.
    output : path
        A new or empty folder, or one of an earlier call; what it segmented alike is kept.
    settings : SegmentSettings, optional
        How.
    progress : Progress, optional
        Reports each file; silent by default.

    Returns
    -------
    Segmented

    Raises
    ------
    InputError
        If the folder can't be taken.
    TemshiftError
        If the disk is full.
    """
    settings, progress, output = settings or SegmentSettings(), progress or SilentProgress(), Path(output)
    paths = [Path(file) for file in files]
    with claim(output, output / MARKER, "segmentations of temshift"):
        write_json(output / MARKER, {"network": opened.name, "identity": opened.identity, "files": len(paths)})
        rows, tables = [], []
        progress.start("micrographs", len(paths))
        for path, name in zip(paths, folder_names([path.name for path in paths]), strict=True):
            row, particles = _one(opened, path, output / name, settings)
            if row["reason"] is not None:
                progress.warning(str(row["reason"]))
            rows.append(row)
            tables.append(particles)
            progress.advance()
        progress.finish()
        done = Segmented(output, pl.DataFrame(rows, schema=IMAGES), _joined(tables))
        write_text(output / PAGE, segmentations_html(rows, _whole_diameters(done.particles), opened.name))
        write_bytes(output / PARTICLES_FILE, done.particles.write_csv().encode())
        write_bytes(output / IMAGES_FILE, done.images.write_csv().encode())
    return done


def _whole_diameters(particles: pl.DataFrame) -> list[float]:
    return particles.filter(~pl.col("on_border"))["equivalent_diameter_nm"].to_list()


def folder_names(names: Sequence[str]) -> list[str]:
    """Return a folder's name for each image: its own without the suffix, with a number if another has it already.

    Examples
    --------
    >>> folder_names(["x.tif", "x.tif", "y.dm4", "dose 1.5, image 3", "a/b?"])
    ['x', 'x-2', 'y', 'dose 1.5, image 3', 'a-b-']
    """
    folders: dict[str, None] = {}
    numbers: Counter[str] = Counter()
    for name in names:
        stem = _STRANGE.sub("-", _SUFFIX.sub("", name))[:_LONGEST_NAME].strip() or "image"
        numbers[stem] += 1
        while (folder := stem if numbers[stem] == 1 else f"{stem}-{numbers[stem]}") in folders:
            numbers[stem] += 1
        folders[folder] = None
    return list(folders)


def _joined(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(tables) if tables else pl.DataFrame(schema={"image": pl.String, **PARTICLES})


def _one(
    opened: OpenedNetwork, path: Path, folder: Path, settings: SegmentSettings
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Segment one file into its folder, unless that was done already; return its row and its particles."""
    identity = _identity(opened, path, settings)
    kept = _kept(folder, identity)
    if kept is not None:
        return kept
    try:
        result = segmented(opened, read_micrograph(path, **settings.overrides), settings)
    except InputError as refused:
        row: dict[str, Any] = dict.fromkeys(IMAGES)
        return {**row, "image": path.name, "reason": str(refused)}, _joined([])
    row = _row(result, path, folder)
    write_segmentation_page(folder / PAGE, shown_segmentation(result, opened.name))
    write_segmentation(folder, result, {"identity": identity, "row": row})
    return row, _of_image(result.particles, path.name)


def _of_image(particles: pl.DataFrame, image: str) -> pl.DataFrame:
    return particles.select(pl.lit(image).alias("image"), *PARTICLES)


def _identity(opened: OpenedNetwork, path: Path, settings: SegmentSettings) -> str | None:
    """Hash of all that a segmentation depends on; None if it will be refused: no file, a setting that is no number."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return content_hash([SEGMENTATION_VERSION, opened.identity, opened.name, path.name, content, asdict(settings)])
    except (OSError, ValueError):
        return None


def _kept(folder: Path, identity: str | None) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """The row and the particles of an earlier call, if it segmented the same and its files are there."""
    if identity is None or not all((folder / name).is_file() for name in (RECORD, PAGE, *FILES.values())):
        return None
    try:
        record = read_json(folder / RECORD)
        particles = pl.read_csv(folder / FILES["particles"], schema=PARTICLES)
    except (TemshiftError, pl.exceptions.PolarsError):
        return None
    same = record.get("identity") == identity and len(particles) == record.get("particles")
    return (record["row"], _of_image(particles, record["image"])) if same else None


def segmented(opened: OpenedNetwork, micrograph: Micrograph, settings: SegmentSettings) -> Segmentation:
    """Segment a micrograph as settings say.

    Raises
    ------
    InputError
        If that can't be done; the message has the reason.
    """
    try:
        return segment(
            opened.network,
            micrograph,
            cleaning=settings.cleaning,
            reading=settings.reading,
            crystal=settings.crystal,
            split=settings.split,
            smallest_nm=settings.smallest_nm,
            device=opened.device,
        )
    except TemshiftError as error:
        raise InputError(str(error)) from error
    except (MemoryError, RuntimeError) as error:  # torch raises the second if memory is short
        fault = "needs more memory than there is; give a part of it"
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            fault = f"can't be segmented by this network ({' '.join(str(error).split())[:200]})"
        raise InputError(f"{micrograph.name} {fault}") from None


def _row(result: Segmentation, path: Path, folder: Path) -> dict[str, Any]:
    pixel, lattice = result.micrograph.pixel_angstrom, result.check
    whole = result.particles.filter(~pl.col("on_border"))
    return {
        "image": path.name,
        "folder": folder.name,
        "particles": len(result.particles),
        "pixel_y_angstrom": pixel.value[0],
        "pixel_x_angstrom": pixel.value[1],
        "pixel_source": pixel.source,
        "lattice_pixel_angstrom": lattice.pixel_angstrom[1] if lattice and lattice.pixel_angstrom else None,
        "median_diameter_nm": whole["equivalent_diameter_nm"].median(),
        "reason": None,
    }
