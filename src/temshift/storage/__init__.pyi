from .examples import example
from .files import (
    read_json,
    read_table,
    replacing,
    require_writable,
    write_bytes,
    write_json,
    write_remedy,
    write_table,
    write_text,
)
from .folders import claim, refuse_strangers
from .records import read_facts, record_state

__all__ = [
    "claim",
    "example",
    "read_facts",
    "read_json",
    "read_table",
    "record_state",
    "refuse_strangers",
    "replacing",
    "require_writable",
    "write_bytes",
    "write_json",
    "write_remedy",
    "write_table",
    "write_text",
]
