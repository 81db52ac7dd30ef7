"""Files that users hand to the command line, and the kind of each."""

import json
from pathlib import Path

from temshift.configuration.model import Configuration, load_configuration, parse_configuration
from temshift.configuration.yaml_document import read_document
from temshift.core.errors import InputError
from temshift.databases.database import Database
from temshift.storage.records import read_facts
from temshift.studies.planning.study import Study


def load_database(path: Path) -> Database:
    """Read a database file (YAML), or the manifest (JSON) of a database that was made before."""
    if path.suffix == ".json":
        return parse_configuration(json.dumps(read_facts(path)["database"]), Database, str(path))
    if _kind_of(path) is Study:
        raise InputError(
            f"{path} is a study, not a database; give it to temshift run, or see examples/tiny_database.yaml"
        )
    return load_configuration(path, Database)


def load_plan(path: Path) -> Study | Database:
    """Read a study or a database file, whichever its keys come nearer to."""
    return load_configuration(path, _kind_of(path))


def _kind_of(path: Path) -> type[Study | Database]:
    """Tell which kind of file the keys come nearer to; a database where they tell nothing."""
    try:
        keys = set(read_document(path.read_text(encoding="utf-8-sig")).data or ())
    except (OSError, UnicodeDecodeError, TypeError):
        return Database
    kinds: tuple[type[Study | Database], ...] = (Database, Study)
    return min(kinds, key=lambda kind: _strangeness(keys, kind))


def _strangeness(keys: set[str], kind: type[Configuration]) -> int:
    """How many keys are unknown to a kind of file, or missing from it."""
    required = {key for key, field in kind.model_fields.items() if field.is_required()}
    return len(keys - set(kind.model_fields)) + len(required - keys)
