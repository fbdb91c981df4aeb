# What the tests of every rule start from: one tenant, one write and one step that are allowed.
package countersign.samples_test

tenants := {"acme": {
	"risk_max": "medium",
	"workflows": {"activate_subscription": {
		"callers": ["workflow-engine"],
		"steps": ["select_plan"],
		"actions": ["activate_plan"],
	}},
	"models": ["local"],
	"amount_limits_micros": {"USD": {"team_pro": 1000000000}},
}}

write := {
	"tenant": "acme",
	"caller": "workflow-engine",
	"workflow": "activate_subscription",
	"step": "activate",
	"mode": "deterministic",
	"action": "activate_plan",
	"risk": "medium",
	"target": "billing",
	"method": "POST",
	"path": "/accounts/A-7/subscriptions",
	"option": "team_pro",
	"decision": {
		"id": "d1",
		"step": "select_plan",
		"option": "team_pro",
		"source": "AGENT",
		"made_at_ms": 1793620800000,
		"model": "local",
	},
	"costs": [
		{"ledger": "value", "currency": "USD", "amount": 1000000000},
		{"ledger": "writes", "currency": "", "amount": 1},
	],
	"run": {"id": "r1", "steps": 2, "elapsed_ms": 1200},
	"budgets": [],
	"time_ms": 1793620800000,
	"activation_number": 1,
	"revision": "test",
	"payload": {"plan": "team_pro", "amount_micros": 1000000000},
}

question := {
	"tenant": "acme",
	"caller": "workflow-engine",
	"workflow": "activate_subscription",
	"step": "select_plan",
	"mode": "agentic",
	"options": ["team_basic", "team_pro"],
	"models": ["local"],
	"tools": [],
	"costs": [{"ledger": "tokens", "currency": "", "amount": 4000}],
	"run": {"id": "r1", "steps": 1, "elapsed_ms": 800},
	"budgets": [],
	"time_ms": 1793620800000,
	"activation_number": 1,
	"revision": "test",
	"context": {"seats": 12},
}

# The sample write with some of its fields replaced.
write_with(fields) := object.union(write, fields)

question_with(fields) := object.union(question, fields)

# The sample tenant with some of its data replaced.
tenants_with(fields) := {"acme": object.union(tenants.acme, fields)}
