"""One way to make a folder one's own: whoever writes results refuses, makes and holds their folder alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from temshift.core.errors import InputError
from temshift.storage.folders import claim, link, locked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "above" / "results"


def refusing() -> None:
    raise InputError("holds another")


def refusal(root: Path, marks: Path | None, kind: str, refuse: Callable[[], None] = lambda: None) -> str:
    """Return why a folder is refused."""
    with pytest.raises(InputError) as caught, claim(root, marks, kind, refuse):
        pass
    return str(caught.value)


def test_a_new_folder_is_made_and_held_until_the_end(root: Path) -> None:
    with claim(root, root / "own.yaml", "study"):
        assert "another temshift run works in" in refusal(root, root / "own.yaml", "study")
    with locked(root):
        pass


def test_another_is_looked_for_before_anything_is_made_and_again_under_the_lock(root: Path) -> None:
    calls: list[bool] = []
    with claim(root, None, "study", lambda: calls.append(root.exists())):
        assert calls == [False, True]
    assert refusal(root / "new", None, "study", refusing) == "holds another"
    assert not (root / "new").exists()


def test_what_a_run_that_began_at_the_same_time_has_made_is_refused(root: Path) -> None:
    """The folder was free at the first look, and another's at the second, when it is held; the lock is let go."""
    looks: list[Callable[[], None]] = [lambda: None, refusing]
    assert refusal(root, None, "study", lambda: looks.pop(0)()) == "holds another"
    with locked(root):
        pass


def test_strangers_that_came_in_between_are_refused(root: Path) -> None:
    def look() -> None:
        if not root.exists():
            root.mkdir(parents=True)
            (root / "thesis.tex").write_text("mine")

    assert "is not empty and holds no study (thesis.tex)" in refusal(root, root / "own.yaml", "study", look)


def test_files_and_folders_of_others_are_refused_and_left_alone(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "thesis.tex").write_text("mine")
    message = refusal(root, root / "own.yaml", "study")
    assert "is not empty and holds no study (thesis.tex); name a new folder with --output" in message
    assert [path.name for path in root.iterdir()] == ["thesis.tex"]
    file = root / "thesis.tex"
    assert refusal(file, None, "study") == f"{file} is a file; name a folder with --output"
    assert refusal(file / "below", None, "study").startswith(f"cannot make {file / 'below'}: ")


def test_a_folder_with_its_mark_is_reopened_whatever_else_is_there(root: Path) -> None:
    root.mkdir(parents=True)
    for name in ("own.yaml", "notes.txt", ".hidden"):
        (root / name).write_text("")
    with claim(root, root / "own.yaml", "study"):
        assert (root / ".lock").exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_linked_file_has_the_content_and_stays_if_the_other_name_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("this disk knows no links")

    (tmp_path / "one").write_bytes(b"waves")
    if not links:
        monkeypatch.setattr("os.link", refuse)
    link(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one").samefile(tmp_path / "other") == links
    (tmp_path / "one").unlink()
    assert (tmp_path / "other").read_bytes() == b"waves"
