"""Does the data fit its schema? Judged on what OPA made of the files, so that no second parser has a say.

1. `schemas/tenant.json`, where a layer has one, is the shape of every document under `data.countersign.tenants`.
2. What such a document takes from the boundary is handed on with its place: whoever has the boundary says whether it is there.
3. The line of a finding is looked up in the author's file; when it cannot be found there, the file alone is named.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

import jsonschema_rs
import yaml

from gateway.adapters.opa.data_names import names
from gateway.adapters.opa.findings import Finding
from gateway.adapters.opa.snapshot import SourceFile
from gateway.adapters.opa.workshop import AUTHORS, Workshop
from gateway.declared.naming import Named

_SCHEMA: Final = "schemas/tenant.json"
_TENANTS: Final = "data.countersign.tenants"
_FOLDER: Final = "countersign/tenants"
_RULE: Final = "policy/data"
_MESSAGE_CHARS_MAX: Final = 300


def tenants(workshop: Workshop) -> tuple[list[Finding], list[Named]]:
    """Validates each tenant's document; no tenant at all is no finding. And the names it takes from the boundary, the tenants' own first."""
    schema = workshop.snapshot.find(_SCHEMA)
    if schema is None:
        return [], []
    try:
        shape = json.loads(schema.content)
        validator = jsonschema_rs.validator_for(shape, validate_formats=True)
    except ValueError as wrong:
        return [workshop.finding(_RULE, _SCHEMA, 0, f"no JSON Schema: {wrong}"[:_MESSAGE_CHARS_MAX], "Put the schema right.")], []
    values, errors = workshop.command.evaluate(_TENANTS, bundles=(AUTHORS,), asked={}, cwd=workshop.folder)
    findings = [workshop.finding(_RULE, one.location.file or _FOLDER, one.location.row, one.message, "Make it plain data.") for one in errors]
    documents = values[0] if values else {}
    if not isinstance(documents, dict):
        return [*findings, workshop.finding(_RULE, _FOLDER, 0, "not one document for each tenant", f"Write {_FOLDER}/<tenant>/data.yaml.")], []
    named: list[Named] = []
    for tenant, document in documents.items():
        file = next((found for name in ("data.yaml", "data.yml", "data.json") if (found := workshop.snapshot.find(f"{_FOLDER}/{tenant}/{name}"))), None)
        source = str(file.source) if file else _FOLDER
        findings += _tenant(workshop, tenant, document, file, validator)
        named.append(Named(kind="tenant", name=tenant, within={}, place="", file=source, line=0))
        named += [
            Named(
                kind=one.kind, name=one.name, within=one.within, place="/" + "/".join(map(str, one.path)), file=source,
                line=_line(file, one.path, at_key=one.at_key) if file else 0,
            )
            for one in names(shape, document)
        ]  # fmt: skip
    return findings, named


def _tenant(workshop: Workshop, tenant: str, document: object, file: SourceFile | None, validator: jsonschema_rs.Validator) -> Iterator[Finding]:
    for wrong in validator.iter_errors(document):
        place = "/" + "/".join(str(part) for part in wrong.instance_path)
        line = _line(file, wrong.instance_path, at_key=False) if file else 0
        message = f"tenant {tenant}: {place}: {wrong.message}"[:_MESSAGE_CHARS_MAX]
        yield workshop.finding(_RULE, file.name if file else _FOLDER, line, message, f"{_SCHEMA} says what may stand there.")


def _line(file: SourceFile, path: Sequence[str | int], *, at_key: bool) -> int:
    """The line of the node at `path` or of its key, or of the nearest one above it that is there. JSON is read as the YAML it is."""
    try:
        node = yaml.compose(file.content, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return 0
    line = 1
    for place, part in enumerate(path, 1):
        key, node = _child(node, part)
        if node is None:
            break
        marked = key if key is not None and at_key and place == len(path) else node
        line = marked.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """(key, value); a member of a list has no key."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value == str(part))
        return next(pairs, (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None, None
