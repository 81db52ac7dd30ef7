"""The examples that come with the package."""

from importlib.resources import files
from pathlib import Path

from temshift.core import InputError


def example(name: str) -> Path:
    """Return the path of an example file or folder: of the installed package, or of the source tree.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    places = (Path(str(files("temshift"))) / "examples", Path(__file__).parents[3] / "examples")
    paths = [place / name for place in places if (place / name).exists()]
    if not paths:
        raise InputError(f"the example {name} is not installed; install temshift again")
    return paths[0]
