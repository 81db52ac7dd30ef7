from .messages import allowed_text
from .model import (
    Configuration,
    ConfigurationError,
    Fault,
    load_configuration,
    open_document,
    parse_configuration,
    validated,
)
from .yaml_document import Document, KeyPath, dotted, printable, read_document, write_document

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Document",
    "Fault",
    "KeyPath",
    "allowed_text",
    "dotted",
    "load_configuration",
    "open_document",
    "parse_configuration",
    "printable",
    "read_document",
    "validated",
    "write_document",
]
