"""The images that networks are scored on, the same for every network: their names and their streams of draws."""

from temshift.core import content_hash
from temshift.core.hashes import joined_hash
from temshift.micrographs import DATASETS_VERSION, Stream
from temshift.optics import OPTICS_VERSION, ImagingSettings
from temshift.scoring.scores import SCORES_VERSION

TRAINING, TESTING, VALIDATION, COMPARING = range(4)  # first part of a stream's key


def images_id(database: str, conditions_id: str, imaging: ImagingSettings, seed: int) -> str:
    """Name the images of a test condition by all that scores on them depend on.

    Parameters
    ----------
    database : str
        Hash of the settings of the wave store.
    conditions_id : str
        Hash of the distribution of conditions.
    imaging : ImagingSettings
        How images are formed.
    seed : int
        Root of the draws.

    Returns
    -------
    str
    """
    return images_of(source_id(database, imaging, seed), conditions_id)


def images_of(source: str, conditions_id: str) -> str:
    """Name the images of a test condition by those of :func:`source_id` and the hash of the distribution."""
    return joined_hash(source, conditions_id)


def source_id(database: str, imaging: ImagingSettings, seed: int) -> str:
    """Name all that scores depend on apart from the distribution of conditions; see `images_id`."""
    return content_hash([database, imaging, seed, SCORES_VERSION, OPTICS_VERSION, DATASETS_VERSION])


def images_stream(conditions_id: str, seed: int, use: int = TESTING) -> Stream:
    """Return the stream that the images of a condition draw from; each ``use`` has draws of its own."""
    return Stream(seed, (use, int(conditions_id[:8], 16)))
