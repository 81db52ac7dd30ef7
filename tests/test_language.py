"""A ratchet on the language: words that make prose sound translated may become rarer, never more frequent.

``python tests/test_language.py`` prints the rates of now, to lower the limits below after rewriting prose. Well-liked
scientific packages have of 1000 words: tell/told 0, what below 0.5, where below 3, if/when 7 to 20.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATTERNS = {
    "tell/told": r"\b(tell|tells|told|telling)\b",
    "what": r"\bwhat\b",
    "where": r"\bwhere\b",
    "beside": r"\bbesides?\b",
    "whatever/anew/afresh": r"\b(whatever|anew|afresh)\b",
    "but (except)": r"\bbut for\b|\ball but\b",
    "if/when": r"\b(if|when)\b",
}
WELCOME = ("if/when",)  # these may become more frequent, never rarer

# Per 1000 words
LIMITS: dict[str, dict[str, float]] = {
    "docstrings": {
        "tell/told": 0.14,
        "what": 2.37,
        "where": 2.54,
        "beside": 0.11,
        "whatever/anew/afresh": 0.08,
        "but (except)": 0.09,
        "if/when": 8.51,
    },
    "messages": {
        "tell/told": 0.71,
        "what": 1.62,
        "where": 0.71,
        "beside": 0.29,
        "whatever/anew/afresh": 0.08,
        "but (except)": 0.15,
        "if/when": 2.73,
    },
    "docs": {
        "tell/told": 1.05,
        "what": 3.31,
        "where": 2.52,
        "beside": 0.4,
        "whatever/anew/afresh": 0.29,
        "but (except)": 0.12,
        "if/when": 1.83,
    },
    "README.md": {
        "tell/told": 0.01,
        "what": 2.04,
        "where": 0.01,
        "beside": 0.01,
        "whatever/anew/afresh": 0.01,
        "but (except)": 0.01,
        "if/when": 3.04,
    },
}


def _trees() -> Iterator[ast.Module]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def _documented(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    yield tree
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef))


def docstrings() -> str:
    return " ".join(ast.get_docstring(owner) or "" for tree in _trees() for owner in _documented(tree))


def messages() -> str:
    """Strings of three words or more that are no docstrings: errors, remarks, help, labels."""
    texts = []
    for tree in _trees():
        expressions = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in expressions:
                texts.append(node.value)
    return " ".join(text for text in texts if len(text.split()) > 2)


def prose(*paths: Path) -> str:
    return " ".join(re.sub(r"```.*?```", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in paths)


def docs() -> str:
    return prose(*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md")


def readme() -> str:
    return prose(ROOT / "README.md")


SOURCES: dict[str, Callable[[], str]] = {
    "docstrings": docstrings,
    "messages": messages,
    "docs": docs,
    "README.md": readme,
}


def rates(text: str) -> dict[str, float]:
    """Occurrences of each pattern in 1000 words."""
    text = text.lower()
    words = len(text.split())
    return {label: 1000 * len(re.findall(pattern, text)) / words for label, pattern in PATTERNS.items()}


@pytest.mark.parametrize("source", SOURCES)
def test_prose_does_not_slide_back(source: str) -> None:
    now, limits = rates(SOURCES[source]()), LIMITS[source]
    slid = {
        label: f"{now[label]:.2f} of 1000 words, {'at least' if label in WELCOME else 'at most'} {limit}"
        for label, limit in limits.items()
        if (now[label] < limit if label in WELCOME else now[label] > limit)
    }
    assert slid == {}, "rewrite the new sentences in plain English"


def test_rates_are_counted_as_they_should_be() -> None:
    found = rates("What he told us is told where one can if one must, but for " + "x " * 86)
    assert found == pytest.approx(
        {
            "tell/told": 20.0,
            "what": 10.0,
            "where": 10.0,
            "beside": 0.0,
            "whatever/anew/afresh": 0.0,
            "but (except)": 10.0,
            "if/when": 10.0,
        }
    )


if __name__ == "__main__":
    for name, text in SOURCES.items():
        print(f'    "{name}": {{')  # noqa: T201
        for label, rate in rates(text()).items():
            print(f'        "{label}": {int(rate * 100 + (label not in WELCOME)) / 100},')  # noqa: T201
        print("    },")  # noqa: T201
