"""Does the data fit its schema? Judged on what OPA made of the files, so that no second parser has a say.

1. `schemas/tenant.json`, where a layer has one, is the shape of every document under `data.countersign.tenants`.
2. The line of a finding is looked up in the author's file; when it cannot be found there, the file alone is named.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

import jsonschema_rs
import yaml

from gateway.adapters.opa.findings import Finding
from gateway.adapters.opa.snapshot import SourceFile
from gateway.adapters.opa.workshop import AUTHORS, Workshop

_SCHEMA: Final = "schemas/tenant.json"
_TENANTS: Final = "data.countersign.tenants"
_FOLDER: Final = "countersign/tenants"
_RULE: Final = "policy/data"
_MESSAGE_CHARS_MAX: Final = 300


def tenants(workshop: Workshop) -> Iterator[Finding]:
    """Validate each tenant's document; no tenant at all is no finding."""
    schema = workshop.snapshot.find(_SCHEMA)
    if schema is None:
        return
    try:
        validator = jsonschema_rs.validator_for(json.loads(schema.content), validate_formats=True)
    except ValueError as wrong:
        yield workshop.finding(_RULE, _SCHEMA, 0, f"no JSON Schema: {wrong}"[:_MESSAGE_CHARS_MAX], "Put the schema right.")
        return
    values, errors = workshop.command.evaluate(_TENANTS, bundles=(AUTHORS,), asked={}, cwd=workshop.folder)
    for error in errors:
        yield workshop.finding(_RULE, error.location.file or _FOLDER, error.location.row, error.message, "Make it plain data.")
    documents = values[0] if values else {}
    if not isinstance(documents, dict):
        yield workshop.finding(_RULE, _FOLDER, 0, "not one document for each tenant", f"Write {_FOLDER}/<tenant>/data.yaml.")
        return
    for tenant, document in documents.items():
        yield from _tenant(workshop, tenant, document, validator)


def _tenant(workshop: Workshop, tenant: str, document: object, validator: jsonschema_rs.Validator) -> Iterator[Finding]:
    file = next((found for name in ("data.yaml", "data.yml", "data.json") if (found := workshop.snapshot.find(f"{_FOLDER}/{tenant}/{name}"))), None)
    for wrong in validator.iter_errors(document):
        place = "/" + "/".join(str(part) for part in wrong.instance_path)
        line = _line(file, wrong.instance_path) if file else 0
        message = f"tenant {tenant}: {place}: {wrong.message}"[:_MESSAGE_CHARS_MAX]
        yield workshop.finding(_RULE, file.name if file else _FOLDER, line, message, f"{_SCHEMA} says what may stand there.")


def _line(file: SourceFile, path: Sequence[str | int]) -> int:
    """The line of the node at `path`, or of the nearest one above it that is there. JSON is read as the YAML it is."""
    try:
        node = yaml.compose(file.content, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return 0
    line = 1
    for part in path:
        node = _child(node, part)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None
