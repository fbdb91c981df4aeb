"""Everything an author can get wrong in boundary.yaml and its schemas: the place, what was seen, what to write."""

import pytest

from tests.unit.gateway.adapters.activation.conftest import Load, Refused

VALUE_MONTH = "      - {ledger: value, currency: USD, window: month, limit_micros: 50_000_000}\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1", "version: 2", "boundary.yaml:1:10: version: expected 1, seen 2"),
        ("workflows:", "workflow:", 'unknown key "workflow". Did you mean "workflows"?'),
        ("steps_max: 12, ", "", 'boundary.yaml:12:5: "steps_max" is missing in workflows.activate.run. Write steps_max: 12'),
        ("wall_max: 10m", "wall_max: 600", "workflows.activate.run.wall_max: a duration is a whole number and its unit, seen 600"),
        ("[TIMEOUT]", "[HALTED]", "expected 'POLICY_DENIAL', 'BUDGET_LIMIT', 'MAX_STEPS' or 'TIMEOUT', seen \"HALTED\""),
        ("read: {mode", "Read: {mode", "boundary.yaml:15:7: workflows.activate.steps.Read: a name has lower-case letters"),
        ("{ledger: writes, limit: 3}", "{ledger: steps, limit: 3}", "steps are limited for a run alone. Write run: {steps_max: …}"),
        ("{ledger: writes, limit: 3}", "{ledger: writes, limit_micros: 3}", "writes is counted. Write limit:, and no currency: or limit_micros:"),
        ("{ledger: writes, limit: 3}", "{ledger: spend, limit: 3}", "spend is money. Write currency: and limit_micros:, and no limit:"),
        ("{ledger: writes, limit: 3}", "{ledger: writes, limit: -3}", "expected at least 0, seen -3"),
        ("{ledger: writes, limit: 3}", "{ledger: writes, limit: 3, window: day}", "the budget of a run has no window"),
        ("{ledger: writes, limit: 3}", "{ledger: writes, limit: 3}, {ledger: writes, limit: 4}", "a second limit of writes per total"),
        ("limit_micros: 50_000_000", "limit_micros: 1_000_000_000_000_001", "expected at most 1000000000000000"),
        ("currency: USD, window", "currency: usd, window", 'expected what matches ^[A-Z]{3}$, seen "usd"'),
        ("{mode: deterministic}", "{mode: deterministic, goal: think}", "a deterministic step has only mode and commits. Take goal out"),
        ("        goal: Pick one.\n", "", "an agentic step without goal. Write goal:"),
        ("        options: {basic: up to 5, pro: up to 25}\n", "", "an agentic step without options"),
        ("options: {basic: up to 5, pro: up to 25}", "options: {ba sic: x}", "workflows.activate.steps.select.options.ba sic: expected what matches"),
        ("options: {basic: up to 5, pro: up to 25}", "options: {" + ", ".join(f"o{n}: x" for n in range(65)) + "}", "expected at most 64"),
        ("goal: Pick one.", "goal: Pick one.\n        fallback: max", 'the fallback "max" is none of the options. Write one of basic, pro.'),
        ("goal: Pick one.", "goal: Pick one.\n        decision_ttl: 25h", "expected at most 86400000"),
        ("goal: Pick one.", "goal: Pick one.\n        votes: 10", "expected at most 9"),
        ("goal: Pick one.", "goal: Pick one.\n        votes: 5", "5 ballots need as many model calls, and steps_max is 4. Write limits: {steps_max: 5"),
        ("goal: Pick one.", "goal: Pick one.\n        votes: 3\n        agreement_min: 4", "more agreement than there are ballots"),
        ("goal: Pick one.", "goal: Pick one.\n        agreement_min: 2", "more agreement than there are ballots. Write agreement_min: 1 or less"),
        ("goal: Pick one.", "goal: Pick one.\n        redact: [/name]", "nothing is kept that could be redacted. Write transcript: text"),
        ("goal: Pick one.", "goal: Pick one.\n        transcript: full", "expected 'digest' or 'text', seen \"full\""),
        ("goal: Pick one.", "goal: Pick one.\n        earlier: [read]", '"read" is no other agentic step of this workflow'),
        ("goal: Pick one.", "goal: Pick one.\n        earlier: [select]", '"select" is no other agentic step of this workflow'),
        ("{mode: deterministic}", "{mode: deterministic, votes: 3}", "a deterministic step has only mode and commits. Take votes out"),
        ("wall_max: 20s", "wall_max: 301s", "expected at most 300000"),
        ("tokens_max: 4000, ", "", '"tokens_max" is missing in workflows.activate.steps.select.limits'),
        ("risk: medium", "risk: middle", "expected 'low', 'medium' or 'high', seen \"middle\""),
        ("risk: medium", "risk: yes", "expected 'low', 'medium' or 'high', seen \"yes\""),
        ("method: POST", "method: GET", "expected 'POST', 'PUT', 'PATCH' or 'DELETE', seen \"GET\""),
        ('"/accounts/{account}/units/{unit}"', '"/accounts/{account}/units/x"', 'the slot "unit" is not in the path'),
        ('"/accounts/{account}/units/{unit}"', '"/accounts/{account}/{unit}/{other}"', "the path has {other}, and slots do not fill it once"),
        ('"/accounts/{account}/units/{unit}"', '"/accounts/x-{account}/units/{unit}"', "no path of plain segments and {slots}"),
        ('"/accounts/{account}/units/{unit}"', '"/accounts/{account}/../{unit}"', "no path of plain segments and {slots}"),
        ('"/accounts/{account}/units/{unit}"', '"//evil/{account}/{unit}"', "no path of plain segments and {slots}"),
        ('"/accounts/{account}/units/{unit}"', '"/accounts/{account}/{unit}?x=1"', "no path of plain segments and {slots}"),
        ("slots: {account: /account,", "slots: {account: account,", "no JSON Pointer"),
        ("bind: {/plan: option}", "bind: {/plan: rationale}", "expected 'option', seen \"rationale\""),
        ("{currency: USD, pointer: /amount}", "{currency: USD}", "a value is read at a pointer, or is one amount"),
        ("schemas/payload.json", "../payload.json", "a schema is a .json file under schemas/"),
        ("schemas/payload.json", "schemas/../../payload.json", "a schema is a .json file under schemas/"),
    ],
)
def test_a_part_that_is_wrong_by_itself(refused: Refused, old: str, new: str, expected: str) -> None:
    """Said at the line, with what to write."""
    findings = refused((old, new))

    assert any(expected in finding for finding in findings), findings
    assert findings[0].startswith("boundary.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "target: billing",
            "target: biling",
            'boundary.yaml:28:13: the target "biling" is not declared. Declare it under targets in the settings. Did you mean "billing"?',
        ),
        ("reads: [plans]", "reads: [plan]", 'the tool "plan" is not declared. Declare it under tools in the settings. Did you mean "plans"?'),
        ("reads: [plans]", "reads: [seats]", 'the tool "seats" is fetched before the model is asked, and has a slot that the model fills'),
        ("tools: [seats]", "tools: [chairs]", 'the tool "chairs" is not declared'),
        (
            "goal: Pick one.",
            "goal: Pick one.\n        models: [loca]",
            'the model "loca" is not declared. Declare it under models in the settings. Did you mean "local"?',
        ),
        (
            "commits: [activate_plan]}",
            "commits: [activate]}",
            'boundary.yaml:16:46: the action "activate" is not declared. Declare it under actions in this file. Did you mean "activate_plan"?',
        ),
        ("schemas/payload.json", "schemas/paylod.json", 'there is no schemas/paylod.json in the folder. Did you mean "schemas/payload.json"?'),
        (
            "pointer: /amount",
            "pointer: /amonut",
            'boundary.yaml:32:44: /amonut: schemas/payload.json declares no member "amonut" at its top. Did you mean "amount"?',
        ),
        ("pointer: /amount", "pointer: /note", 'the member "note" may be missing. Write "note" under required'),
        ("pointer: /amount", "pointer: /account", '/account: a cost needs another type than the schema gives. Write "type": "integer" with "minimum": 0'),
        ("pointer: /unit/number", "pointer: /unit/name", 'declares no member "name" at /unit'),
        ("pointer: /unit/number", "pointer: /account", "/account: a slot of type integer needs another type"),
        ("account: /account", "account: /amount", "/amount: a slot of type string needs another type"),
        ("bind: {/plan", "bind: {/amount", "/amount: a bound option needs another type"),
        ('"minimum": 0', '"minimum": -1', "/amount: a cost needs another type than the schema gives"),
        ("    payload_schema: schemas/payload.json\n", "", "boundary.yaml:27:3: the payload fills a path, is bound or costs, and has no schema"),
        ("        commits: [activate_plan]\n", "", "boundary.yaml:30:5: bound to a decided option, and no agentic step commits it"),
        (VALUE_MONTH, "", 'boundary.yaml:15:46: "activate_plan" costs value in USD, and no level limits that for this workflow'),
        (
            "currency: USD, pointer",
            "currency: EUR, pointer",
            '"activate_plan" costs value in EUR, and no level limits that for this workflow. Write {ledger: value, currency: EUR',
        ),
        ("spend_micros_max: 2000", "spend_micros_max: 2000, spend_currency: EUR", "the step spends EUR, and no level limits that for this workflow"),
    ],
)
def test_parts_that_do_not_agree(refused: Refused, old: str, new: str, expected: str) -> None:
    """Names, pointers, types and money, each with the way out."""
    findings = refused((old, new))

    assert any(expected in finding for finding in findings), findings


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"additionalProperties": false,\n  "required"', '"required"', "schemas/payload.json:1:1: #: an object that is not closed"),
        ('false, "required": ["number"]', 'true, "required": ["number"]', "#/properties/unit: an object that is not closed"),
        ('"note": {"type": "string"}', '"note": {}', "#/properties/note: anything may stand here"),
        ('"note": {"type": "string"}', '"note": true', "#/properties/note: anything may stand here"),
        ('"note": {"type": "string"}', '"note": {"minLength": 1}', "#/properties/note: there is no type, so anything may stand here"),
        ('"note": {"type": "string"}', '"note": {"type": ["string", "object"]}', "#/properties/note: an object that is not closed"),
        ('"note": {"type": "string"}', '"note": {"type": "array"}', "#/properties/note: a list whose items may be anything"),
        ('"note": {"type": "string"}', '"note": {"type": "array", "items": {"type": "object"}}', "#/properties/note/items: an object that is not closed"),
        ('"note": {"type": "string"}', '"note": {"anyOf": [{"type": "string"}, {}]}', "#/properties/note/anyOf/1: anything may stand here"),
        ('"note": {"type": "string"}', '"note": {"allOf": [{"minLength": 1}]}', "#/properties/note: there is no type"),
        (
            '"note": {"type": "string"}',
            '"note": {"type": "object", "additionalProperties": false, "patternProperties": {"x": {"type": "string"}}}',
            "members without names",
        ),
        ('"note": {"type": "string"}', '"note": {"$ref": "#/$defs/open"}, "$comment": {"type": "null"}', "schemas/payload.json:9:22: a reference to nothing"),
        ('"note": {"type": "string"}', '"note": {"$ref": "http://127.0.0.1/x.json"}', "a reference out of this file, or by anchor"),
        ('"note": {"type": "string"}', '"note": {"$ref": "other.json"}', "a reference out of this file, or by anchor"),
        ('"note": {"type": "string"}', '"note": {"$id": "x", "type": "string"}', "$id inside a schema changes what it means"),
        ('"note": {"type": "string"}', '"note": {"type": "strin"}', "no JSON Schema"),
        ('"note": {"type": "string"}', '"note": {"type": "string", "pattern": "(?=a)b"}', "no JSON Schema"),
        (
            '{\n  "type": "object",\n  "additionalProperties"',
            '{\n  "$schema": "http://json-schema.org/draft-04/schema#",\n  "type": "object",\n  "additionalProperties"',
            "another dialect of JSON Schema",
        ),
        ('"note": {"type": "string"},', '"note": {"type": "string"}', "not strict JSON"),
        ('"note"', '"PLAN"', "not strict JSON: duplicate key PLAN"),
    ],
)
def test_a_schema_that_leaves_something_open(refused: Refused, old: str, new: str, expected: str) -> None:
    """Nothing undeclared passes, nothing is fetched, nothing is guessed."""
    findings = refused((old, new))

    assert any(expected in finding for finding in findings), findings
    assert findings[0].startswith("schemas/payload.json")


@pytest.mark.parametrize(
    "note",
    [
        '{"$ref": "#/$defs/money"}',
        '{"anyOf": [{"type": "string"}, {"type": "null"}]}',
        '{"allOf": [{"type": "string"}, {"minLength": 1}]}',
        '{"type": "array", "items": {"$ref": "#/$defs/money"}, "prefixItems": [{"const": {"any": "thing"}}]}',
        '{"type": "array", "items": false}',
        '{"type": "object", "additionalProperties": false, "properties": {"again": {"$ref": "#/properties/note"}}}',
        "false",
    ],
)
def test_a_closed_payload_may_be_made_of_parts(loaded: Load, note: str) -> None:
    """References, choices, lists and constants are closed where each part is; a schema may name itself."""
    activation = loaded(('"note": {"type": "string"}', f'"note": {note}'))

    assert activation.boundary.actions["activate_plan"].payload_schema is not None


def test_a_listener_of_an_undeclared_tenant(refused: Refused) -> None:
    """Its workflows would be refused one by one; it is said at once."""
    (finding,) = refused(tenants={"acme", "acmee"})

    assert finding.startswith(
        'boundary.yaml:2:1: a listener serves the tenant "acmee", which is not declared. Write acmee: {budgets: […]} here, or correct the listener.'
    )


def test_all_findings_of_a_kind_come_at_once(refused: Refused) -> None:
    """One round of repairs, in the order of the file."""
    found = refused(("target: billing", "target: x"), ("reads: [plans]", "reads: [y]"), ("tools: [seats]", "tools: [z]"))

    assert [one.split(":")[1] for one in found] == ["22", "23", "28"]
