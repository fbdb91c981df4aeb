package countersign.commit_test

import data.countersign.commit
import data.countersign.samples_test as samples

test_the_sample_write_is_allowed if {
	commit.verdict == {"allow": true, "reasons": []} with input as samples.write
		with data.countersign.tenants as samples.tenants
}

test_one_failing_rule_denies_with_its_code if {
	commit.verdict == {"allow": false, "reasons": [{"code": "CALLER_NOT_ALLOWED"}]} with input as samples.write_with({"caller": "mallory"})
		with data.countersign.tenants as samples.tenants
}

test_every_failing_rule_is_named_in_order if {
	codes := [reason.code |
		some reason in commit.verdict.reasons with input as samples.write_with({"caller": "mallory", "risk": "high", "option": "enterprise"})
			with data.countersign.tenants as samples.tenants
	]
	codes == ["AMOUNT_WITHOUT_LIMIT", "CALLER_NOT_ALLOWED", "RISK_TOO_HIGH"]
}

test_an_unknown_tenant_is_denied if {
	verdict := commit.verdict with input as samples.write_with({"tenant": "globex"})
		with data.countersign.tenants as samples.tenants
	not verdict.allow
}

test_without_any_tenant_data_everything_is_denied if {
	verdict := commit.verdict with input as samples.write with data.countersign.tenants as {}
	not verdict.allow
}

test_an_empty_question_is_denied if {
	verdict := commit.verdict with input as {} with data.countersign.tenants as samples.tenants
	not verdict.allow
}

test_a_rule_that_can_say_nothing_still_denies if {
	commit.verdict == {"allow": false, "reasons": [{"code": "NOT_ALLOWED"}]} with input as samples.write
		with data.countersign.tenants as samples.tenants
		with commit.risk.passes as false
		with commit.risk.reasons as set()
}
