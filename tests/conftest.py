"""Fixtures of several packages: a study so small that it runs in seconds, a database as small, light reports."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from temshift.configuration.model import parse_configuration
from temshift.execution import SilentProgress
from temshift.exitwaves import ExitWave, StoreLayout, create_store, simulate, write_shard
from temshift.specimens import build_specimen
from temshift.studies import Study

# How long an example takes says how busy the machine is, not whether the law holds.
settings.register_profile("temshift", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("temshift")

ROOT = Path(__file__).parents[1]
COUNTS = {"training": 5, "test": 2}
PHONONS = 2


class Listener(SilentProgress):
    """Remembers the stages that it is told, and messages and warnings."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[int, int]] = {}
        self.told: list[str] = []
        self.warnings: list[str] = []

    def start(self, stage: str, total: int, done: int = 0) -> None:
        self.stages[stage] = (total, done)

    def message(self, text: str) -> None:
        self.told.append(text)

    def warning(self, text: str) -> None:
        self.told.append(text)
        self.warnings.append(text)


@pytest.fixture(autouse=True)
def _interrupts_stay() -> Iterator[None]:
    """The command line ignores interrupts once it has ended; the tests go on."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def listening() -> type[Listener]:
    """A kind of progress that remembers."""
    return Listener


@pytest.fixture(scope="session")
def tiny_text() -> str:
    return (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tiny(tiny_text: str) -> Study:
    return parse_configuration(tiny_text, Study, "tiny.yaml")


@pytest.fixture(scope="session")
def shaking(tiny: Study) -> Study:
    """The tiny study with two phonon configurations in a cell that is not square."""
    settings = tiny.exit_waves.model_dump(mode="json")
    settings["phonons"] = {
        "configurations": PHONONS,
        "rms_displacement_angstrom": {"C": 0.1, "Cd": 0.15, "Se": 0.15},
    }
    recipe = tiny.specimens.model_copy(update={"cell_nm": (2.56, 3.2)})
    return tiny.model_copy(update={"specimens": recipe, "exit_waves": type(tiny.exit_waves).model_validate(settings)})


@pytest.fixture(scope="session")
def exit_waves(shaking: Study) -> dict[str, list[ExitWave]]:
    """The exit waves of every set."""
    return {
        name: [
            simulate(build_specimen(shaking.specimens, seed, number), shaking.exit_waves, seed, number)
            for number in range(count)
        ]
        for seed, (name, count) in enumerate(COUNTS.items())
    }


@pytest.fixture(scope="session")
def stored(shaking: Study, exit_waves: dict[str, list[ExitWave]]):
    """Make the store of a set: its folder, its name, and how many specimens share a file."""

    def make(folder: Path, name: str, per_shard: int = 2) -> Path:
        waves = exit_waves[name]
        layout = StoreLayout(len(waves), PHONONS, shaking.grid, per_shard)
        settings = {"exit_waves": shaking.exit_waves.identity(), "seed": list(COUNTS).index(name)}
        create_store(folder, layout, settings)
        for shard in range(layout.shards):
            write_shard(folder, shard, [waves[number] for number in layout.specimens_of(shard)])
        return folder

    return make


@pytest.fixture(scope="session")
def database(stored, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of two sets that no test changes."""
    root = tmp_path_factory.mktemp("database")
    for name in COUNTS:
        stored(root / "waves" / name, name)
    return root


@pytest.fixture(scope="session", autouse=True)
def _no_terminal() -> Iterator[None]:
    """Tables are as wide as they need: readline leaves the size of a terminal to the processes of pytest-xdist."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "LINES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _pages_alone() -> Iterator[None]:
    """Reports that tests write are the page alone, without its figures and tables, which take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("temshift.report.page.page.write_exports", lambda *_: None)
        yield
