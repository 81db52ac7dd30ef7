"""An interrupt ends a command without a traceback, even in the middle of an import."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from temshift.cli import app, interrupts

BEGIN = "import time; from temshift.cli.interrupts import end_during_imports; end_during_imports(); "
SLEEP = "print('ready', flush=True); time.sleep(60)"


def interrupted(code: str, folder: Path) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {code}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    return process.wait(30), process.communicate()[1]


def test_an_import_ends_at_once(tmp_path: Path) -> None:
    module = f"import time\ntry:\n    {SLEEP}\nexcept KeyboardInterrupt:\n    raise ValueError('half imported')\n"
    (tmp_path / "slow.py").write_text(module, encoding="utf-8")
    assert interrupted(f"{BEGIN}import slow", tmp_path) == (130, "")
    code, text = interrupted("import slow", tmp_path)  # as it would be
    assert code == 1
    assert "half imported" in text


def test_work_gets_the_exception(tmp_path: Path) -> None:
    code, text = interrupted(f"{BEGIN}{SLEEP}", tmp_path)
    assert code == -signal.SIGINT
    assert text.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "print"])
def test_what_handles_interrupts_already_stays(handler: str, tmp_path: Path) -> None:
    set_up = f"import signal; signal.signal(signal.SIGINT, {handler}); {BEGIN}"
    done = subprocess.run(
        [sys.executable, "-c", f"{set_up}print(signal.getsignal(signal.SIGINT) is {handler})"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"


def test_an_error_that_an_interrupt_turned_into_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code of matplotlib made a ValueError of one that came while a figure was drawn."""

    def call() -> int:
        raise ValueError("Invalid bounding box")

    monkeypatch.setattr(app, "_call", call)
    with pytest.raises(ValueError, match="Invalid bounding box"):
        app.main()
    monkeypatch.setattr(interrupts, "came", [signal.SIGINT])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == interrupts.INTERRUPTED
