"""Every mutant of every example is accepted, or gives one message of at most 2,000 characters, within seconds."""

import sys
import time
from pathlib import Path

import pytest

from temshift.core.errors import InputError
from temshift.workflows.input_files import KINDS, load_input

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not look beside the tests

from mutants import mutant

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
MODELS = tuple(kind.model for kind in KINDS)
FEW, MANY = 200, 3000
# In place of MANY: examples of hundreds of trainings, whose mutants take 0.06 to 1 s each; the others take 0.01 s
FEWER = {
    "atlas": 240,
    "confirmation_study": 800,
    "camera_confirmation_study": 800,
    "defocus_study": 1200,
    "transfer_study": 700,
    "transfer_study_large": 1600,
}
LONGEST_MESSAGE = 2000
MOST_SECONDS = 2.0  # of the processor, for a machine with nothing else to do; more if the example itself takes long


def fault_of(text: str, folder: Path, most_seconds: float) -> str:
    """Return the fault of how a mutant is read; nothing if it is accepted, or refused as it should be."""
    file = folder / "mutant.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    begin, message = time.process_time(), ""
    try:
        load_input(file, *MODELS)
    except InputError as error:
        message = str(error)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    seconds = time.process_time() - begin
    if seconds > most_seconds:
        return f"takes {seconds:.1f} s"
    if len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} characters: {message[:100]}"
    odd = [sign for sign in message if not (sign.isprintable() or sign == "\n")]
    return f"prints {odd[0]!r}" if odd else ""


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(False, id="few", marks=pytest.mark.slow),
        pytest.param(True, id="many", marks=[pytest.mark.faults, pytest.mark.timeout(7200)]),
    ],
)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_mutant_is_accepted_or_refused_in_a_few_words(example: Path, many: bool, tmp_path: Path) -> None:
    text = example.read_text(encoding="utf-8")
    load_input(example, *MODELS)  # imports
    started = time.process_time()
    load_input(example, *MODELS)
    most_seconds = MOST_SECONDS + 2 * (time.process_time() - started)
    most = FEWER.get(example.stem, MANY)
    few = min(FEW, most // 4)
    seeds = range(few, most) if many else range(few)
    faults = {seed: fault_of(mutant(text, seed), tmp_path, most_seconds) for seed in seeds}
    assert not {seed: fault for seed, fault in faults.items() if fault}


def test_mutants_are_the_same_each_time_and_differ() -> None:
    text = EXAMPLES[0].read_text(encoding="utf-8")
    first = [mutant(text, seed) for seed in range(50)]
    assert first == [mutant(text, seed) for seed in range(50)]
    assert len(set(first)) > 45
