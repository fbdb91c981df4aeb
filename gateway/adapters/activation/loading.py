"""The folder to one `Activation`, or to everything that is wrong with it.

1. As a whole or not at all: nothing is made of a folder that has a finding.
2. The folder is read once; the digest is of the very bytes that were parsed.
3. Policies are checked by the engine's adapter; what comes of that (the codes, the digest of the layers) is handed in.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.adapters.activation import shape
from gateway.adapters.activation.building import boundary_of
from gateway.adapters.activation.crosschecks import Draft, Names, findings
from gateway.adapters.activation.folder import BOUNDARY, Folder, take
from gateway.adapters.activation.names import unknown
from gateway.adapters.activation.schemas import Schema, read_schema
from gateway.declared.checking import check
from gateway.declared.findings import DeclarationRefused, Finding, nearest
from gateway.declared.naming import Named
from gateway.declared.yaml_marks import Marked, read_yaml
from gateway.declared.yaml_marks import Path as Place
from gateway.domain.boundary import Activation

_FINDINGS_MAX: Final = 100
_SHORT_DIGEST: Final = 12


class ActivationRefused(DeclarationRefused):
    """This folder is not activated."""


def load_activation(
    folder: Path,
    *,
    targets: Collection[str] | None,
    tools: Collection[str] | None,
    models: Sequence[str] | None,
    policy_codes: frozenset[str],
    policies_digest: bytes = b"",
    prefetchable: Collection[str] | None = None,
    tenants: Collection[str] | None = None,
    named: Iterable[Named] = (),
) -> Activation:
    """Reads, checks and builds; number 0 until the store has given it one. Raises `ActivationRefused` with every finding.

    `targets`, `tools` and `models` (in order of preference) are the names of the settings; None leaves them unchecked, for authors who have no
    settings at hand. `prefetchable` are the tools that a step may name under `reads`, `tenants` those that listeners serve.
    `named` is what policy data takes from the boundary. `policies_digest` is of the policies as the engine gets them, so that layers from outside
    the folder are covered too.
    """
    names = Names(targets=targets, tools=tools, prefetchable=prefetchable, models=models, tenants=tenants)
    try:
        taken = take(folder)
        draft = _draft(taken, names)
        found = [*findings(draft), *unknown(draft.boundary, named)]
        if found:
            raise ActivationRefused(sorted(found, key=lambda one: (one.file, one.line, one.column))[:_FINDINGS_MAX])
        boundary = boundary_of(draft)
    except DeclarationRefused as refused:
        raise ActivationRefused(refused.findings) from None
    digest = taken.digest(policies=policies_digest)
    return Activation(
        number=0,
        revision=draft.boundary.revision or f"dir-{digest.hex()[:_SHORT_DIGEST]}",
        digest=digest,
        boundary=boundary,
        policy_codes=policy_codes,
        boundary_yaml=taken.files[BOUNDARY],
    )


def _draft(taken: Folder, names: Names) -> Draft:
    marked = read_yaml(taken.files[BOUNDARY], taken.shown(BOUNDARY))
    boundary = check(shape.Boundary, marked, context={})
    schemas: dict[str, Schema] = {}
    found: list[Finding] = []
    for place, file in _named(boundary):
        if file in schemas:
            continue
        try:
            schemas[file] = _schema(taken, marked, place, file)
        except DeclarationRefused as refused:
            found += refused.findings
    if found:
        raise DeclarationRefused(list(dict.fromkeys(found)))
    return Draft(marked=marked, boundary=boundary, schemas=schemas, names=names)


def _named(boundary: shape.Boundary) -> Iterator[tuple[Place, str]]:
    """Every schema file the boundary names, and where."""
    for workflow, declared in boundary.workflows.items():
        for name, step in declared.steps.items():
            if step.context_schema is not None:
                yield ("workflows", workflow, "steps", name, "context_schema"), step.context_schema
    for name, action in boundary.actions.items():
        if action.payload_schema is not None:
            yield ("actions", name, "payload_schema"), action.payload_schema


def _schema(taken: Folder, marked: Marked, place: Place, file: str) -> Schema:
    content = taken.files.get(file)
    if content is None:
        there = [name for name in taken.files if name.startswith("schemas/")]
        raise DeclarationRefused([marked.finding(place, f"there is no {file} in the folder", nearest(file, there))])
    return read_schema(content, taken.shown(file))
