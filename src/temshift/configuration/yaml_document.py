"""YAML 1.2 text as plain data in which every value knows its line; duplicate keys are refused."""

import math
import re
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.representer import SafeRepresenter

KeyPath = tuple[str | int, ...]

_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_NUMBER_TAGS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_COLLECTION_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_MOST_VALUES = 200_000
MOST_CHARACTERS = 4_000_000
_LONGEST_NUMBER = 300  # characters: a float ends at 1e308, and Python refuses texts of 4300 digits
_DEEPEST = 100  # ten times as deep as any file has to be
_HALF = re.compile("[\ud800-\udfff]")  # of a character: no text that can be written holds one alone
_LONGEST_FAULT = 700  # characters
_TOO_DEEP = "is nested too deeply, or an anchor contains itself"


@dataclass(frozen=True)
class Fault:
    """One fault of a configuration: its line (from 1), its key (dotted path) and what to mend."""

    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        """Give one line of text: ``line 12, specimens.seed: given ...``."""
        place = [f"line {self.line}"] if self.line is not None else []
        place += [self.key] if self.key else []
        return shortened(f"{', '.join(place)}: {self.message}" if place else self.message, _LONGEST_FAULT)


@dataclass
class Document:
    """Content of a YAML text: plain data, the line of each path, and faults of the text itself."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: dict[KeyPath, Fault] = field(default_factory=dict)
    unlisted: int = 0  # faults beyond the many that are listed

    def line(self, path: KeyPath) -> int | None:
        """Give the line of a path, or of the nearest place around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def has_fault_below(self, path: KeyPath) -> bool:
        """Return whether a part of the value at a path is faulty, so that a fault of the whole may only follow."""
        return any(len(other) > len(path) and other[: len(path)] == path for other in self.faults)

    def add_fault(self, path: KeyPath, message: str, line: int | None = None) -> None:
        """Note a fault; the first at a path stays."""
        place = line if line is not None else self.line(path)
        self.faults.setdefault(path, Fault(place, dotted(path), message))


def printable(text: str) -> str:
    r"""Escape characters that a terminal would not print, or would obey.

    Examples
    --------
    >>> printable("\x1b[31m")
    '\\x1b[31m'
    """
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)


def shortened(text: str, most: int) -> str:
    """Cut the middle out of a long text, and escape characters that can't be printed.

    Examples
    --------
    >>> shortened("a long text", 7)
    'a ...xt'
    """
    plain = printable(text if len(text) <= most else f"{text[:most]}{text[-most:]}")
    last = (most - 3) // 2
    return plain if len(plain) <= most else f"{plain[: most - 3 - last]}...{plain[-last:]}"


def dotted(path: KeyPath) -> str:
    """Write a path as a dotted key.

    Examples
    --------
    >>> dotted(("conditions", 2, "dose"))
    'conditions.2.dose'
    """
    return ".".join(str(part) for part in path)


def read_document(text: str) -> Document:
    r"""Read one YAML 1.2 document of plain values.

    Parameters
    ----------
    text : str
        YAML; an empty text stands for an empty mapping.

    Returns
    -------
    Document
        With `faults` for a broken syntax, duplicate keys, tags, and numbers that are not finite.

    Examples
    --------
    >>> document = read_document("a: 1e-3\na: 2")
    >>> document.data, str(document.faults[("a",)])
    ({'a': 0.001}, 'line 2, a: is given twice; first on line 1')
    """
    document = Document()
    try:
        _read_into(document, text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.add_fault((), f"is not YAML: {error.problem}", mark.line + 1 if mark else None)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.add_fault((), f"is not YAML: the character #x{error.character:04x} is not allowed", line)
    except YAMLError as error:
        document.add_fault((), f"is not YAML: {error}")
    except RecursionError:
        document.add_fault((), _TOO_DEEP)
    return document


def write_document(data: Any) -> str:
    r"""Write plain data as YAML 1.2 text that `read_document` reads back alike.

    Parameters
    ----------
    data : mapping, list, str, number, bool or None
        Plain data; the order of keys is kept, lists of numbers stand on one line.

    Returns
    -------
    str
        YAML text.

    Examples
    --------
    >>> write_document({"cell_nm": [5.12, 5.12], "name": "1e3"})
    "cell_nm: [5.12, 5.12]\nname: '1e3'\n"
    """
    stream = StringIO()
    _writer().dump(data, stream)
    return stream.getvalue()


def _read_into(document: Document, text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        document.add_fault((), f"has more than {MOST_CHARACTERS} characters; no file of temshift needs as many", 1)
        return
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _ShallowComposer
    node = yaml.compose(text)
    if node is None:
        document.data, document.lines = {}, {(): 1}
        return
    document.lines[()] = node.start_mark.line + 1
    document.data = _Reader(yaml, document).value(node, ())


class _ShallowComposer(Composer):
    """Ends early if a text is nested deeply, for its time grows with the square of the depth."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Walks the nodes of one document; faults go to the document and leave None in the data."""

    def __init__(self, yaml: YAML, document: Document) -> None:
        self.yaml = yaml
        self.document = document
        self.values = 0

    def value(self, node: Node, path: KeyPath) -> Any:
        self.values += 1
        if self.values > _MOST_VALUES:
            raise YAMLError(f"more than {_MOST_VALUES} values, aliases counted each time")
        if not isinstance(node, ScalarNode) and str(node.tag) not in _COLLECTION_TAGS:
            return self.document.add_fault(path, f"has the tag {node.tag}; only plain values are allowed")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.item(child, (*path, number)) for number, child in enumerate(node.value)]
        return self.scalar(node, path)

    def item(self, node: Node, path: KeyPath) -> Any:
        self.document.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self.document.add_fault(path, "has a key that is a list or a mapping; write text", line)
            elif _HALF.search(key_node.value):
                self.document.add_fault(path, r"has a key with half a character (\ud800 to \udfff); remove it", line)
            elif key_node.value in mapping:
                first = self.document.lines[(*path, key_node.value)]
                twice = f"is given twice; first on line {first}"
                self.document.add_fault((*path, key_node.value), twice, line)
            else:
                self.document.lines[(*path, key_node.value)] = line
                mapping[key_node.value] = self.value(child, (*path, key_node.value))
        return mapping

    def scalar(self, node: Node, path: KeyPath) -> Any:
        tag = str(node.tag)
        if tag == _TIMESTAMP_TAG:
            return node.value
        if tag not in _PLAIN_TAGS:
            return self.document.add_fault(path, f"has the tag {tag}; only plain values are allowed")
        if tag in _NUMBER_TAGS and len(node.value) > _LONGEST_NUMBER:
            size = f"a number of {len(node.value)} characters"
            return self.document.add_fault(path, f"given {size}; at most {_LONGEST_NUMBER} are read")
        try:
            value = self.yaml.constructor.construct_object(node, deep=True)
        except (ValueError, KeyError, YAMLError):
            kind = tag.rpartition(":")[2]
            return self.document.add_fault(path, f"given {node.value!r} with the tag !!{kind}; leave the tag out")
        return self.checked(_joined(value) if isinstance(value, str) else value, node.value, path)

    def checked(self, value: Any, written: str, path: KeyPath) -> Any:
        """Return a value that can be a part of a configuration; note the fault of any other."""
        if isinstance(value, float) and not math.isfinite(value):
            return self.document.add_fault(path, f"given {written}; must be a finite number")
        if isinstance(value, str) and _HALF.search(value):
            return self.document.add_fault(path, r"holds half a character (\ud800 to \udfff); remove it")
        return value


def _joined(text: str) -> str:
    """Join the halves of characters that JSON writes as two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class _Representer(SafeRepresenter):
    """Keeps the order of keys, writes no anchors, and sets lists of numbers on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping_in_order(self, data: dict[str, Any]) -> Node:
        return self.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=False)

    def represent_short_list(self, data: list[Any]) -> Node:
        plain = not any(isinstance(item, dict | list | str) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)

    def represent_text(self, data: str) -> Node:
        style = None if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(dict, _Representer.represent_mapping_in_order)
_Representer.add_representer(str, _Representer.represent_text)
_Representer.add_representer(list, _Representer.represent_short_list)


def _writer() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 1_000_000
    return yaml
