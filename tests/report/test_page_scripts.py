"""The page's scripts without a browser: their pure parts, how they become one script, and the code of others."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from playwright._impl._driver import compute_driver_executable

from temshift.report.page import packing
from temshift.report.page.scripts import ScriptError, bundled, page_script

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
ASSETS = Path(str(files("temshift.report") / "assets"))
NODE = str(compute_driver_executable()[0])  # the JavaScript engine that playwright brings along


def run_node(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NODE, *arguments], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def grids() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(5)
    few = generator.normal(size=(3, 4))
    few[1, 2] = np.nan
    many = np.exp(generator.normal(size=(260, 200)))
    many[7, 9] = np.nan
    even = np.where(generator.random((260, 200)) < 0.01, np.nan, generator.uniform(-2, 2, (260, 200)))
    return {"few": few, "logarithm": many, "linear": even, "alike": np.full((30, 8), 0.25)}


@pytest.mark.parametrize("file", sorted(path.name for path in SCRIPTS.glob("*.test.js")))
def test_pure_parts(file: str, tmp_path: Path) -> None:
    packed = {name: packing.pack(grid) for name, grid in grids().items()}
    sent = {name: [[None if np.isnan(x) else x for x in row] for row in grid[:40]] for name, grid in grids().items()}
    (tmp_path / "grids.json").write_text(json.dumps({"packed": packed, "grids": sent}))
    ran = run_node("--test", str(SCRIPTS / file), PACKED_GRIDS=str(tmp_path / "grids.json"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^(# |ℹ )pass [1-9]", ran.stdout, re.M)


def test_a_failing_test_of_a_script_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wrong.test.js"
    file.write_text('import test from "node:test";\ntest("wrong", () => { throw new Error("wrong"); });\n')
    assert run_node("--test", str(file)).returncode != 0


def test_pure_parts_need_no_page() -> None:
    for path in (ASSETS / "scripts" / "pure").glob("*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(document|window|Plotly)\.", source), path.name
        assert not re.search(r'from "\.\./', source), path.name


def test_the_page_has_one_script_without_imports(tmp_path: Path) -> None:
    script = page_script()
    assert not re.search(r"^(import|export)\b", script, re.M)
    (tmp_path / "page.js").write_text(script, encoding="utf-8")
    checked = run_node("--check", str(tmp_path / "page.js"))
    assert checked.returncode == 0, checked.stderr


def run_modules(modules: Mapping[str, str], folder: Path) -> tuple[str, str]:
    """Output of the modules as they are and of the one script made of them."""
    for path, source in modules.items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_text(source, encoding="utf-8")
    (folder / "bundle.cjs").write_text(bundled(modules, "main.js"), encoding="utf-8")
    return tuple(run_node(str(folder / name)).stdout for name in ("main.js", "bundle.cjs"))  # type: ignore[return-value]


def test_one_script_does_as_the_modules_do(tmp_path: Path) -> None:
    modules = {
        "main.js": 'import { double, names } from "./a/one.js";\nimport { SIZE } from "./b.js";\n'
        "const own = SIZE;\nconsole.log(double(own), [...names()]);\n",
        "a/one.js": 'import { SIZE } from "../b.js";\nconst own = 2;\nexport const double = (x) => own * x + SIZE;\n'
        'export function* names() {\n  yield "export";\n}\n',
        "b.js": "export const SIZE = 20;\n",
    }
    apart, together = run_modules(modules, tmp_path)
    assert apart == together == "60 [ 'export' ]\n"


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"main.js": 'import { a } from "./a.js";\n'}, "no such modules: ['a.js']"),
        ({"main.js": "", "a.js": ""}, "modules that nothing imports: ['a.js']"),
        ({"main.js": 'import { a } from "./a.js";\n', "a.js": "const a = 1;\n"}, "which a.js doesn't export"),
        ({"main.js": "export default 1;\n"}, "can't carry: export default 1;"),
        ({"main.js": "export let changing = 1;\n"}, "can't carry: export let changing = 1;"),
        ({"main.js": 'import all from "./main.js";\n'}, "can't carry: import all"),
        (
            {
                "main.js": 'import { a } from "./a.js";\n',
                "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            "in a circle",
        ),
    ],
)
def test_what_one_script_cannot_carry_is_refused(modules: Mapping[str, str], words: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(words)):
        bundled(modules, "main.js")


def test_code_of_others_is_what_it_says_it_is() -> None:
    listed = (ASSETS / "vendor" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+\.js) \|.*?\| ([\d.]+) \| MIT \((\S+)\) \| ([0-9a-f]{64}) \|$", listed, re.M)
    assert [name for name, *_ in rows] == sorted(path.name for path in (ASSETS / "vendor").glob("*.js"))
    for name, version, licence, checksum in rows:
        content = (ASSETS / "vendor" / name).read_bytes()
        assert sha256(content).hexdigest() == checksum
        assert f"v{version}".encode() in content[:200]
        assert b"</script" not in content.lower()
        assert "MIT" in (ASSETS / "vendor" / licence).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("export const a = () => missing;\n", "no-undef"),
        ("export const a = () => name;\n", "no-undef"),
        ("export function a() {\n  leaked = 1;\n}\n", "no-undef"),
        ("const unused = 1;\nexport const a = 2;\n", "no-unused-vars"),
        ('import { present } from "./numbers.js";\nexport const a = 2;\n', "no-unused-vars"),
        ("export var a = 1;\n", "no-var"),
        ("export const a = (b) => b == 1;\n", "eqeqeq"),
    ],
)
def test_the_linter_catches(source: str, rule: str, tmp_path: Path) -> None:
    linter = shutil.which("oxlint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert linter, "oxlint is missing: call make setup"
    (tmp_path / "faulty.js").write_text(source)
    command = [linter, "--config", str(ROOT / ".oxlintrc.json"), "faulty.js"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 1
    assert f"({rule})" in checked.stdout
