package countersign.decide_test

import data.countersign.decide
import data.countersign.samples_test as samples

test_the_sample_step_is_allowed if {
	decide.verdict == {"allow": true, "reasons": []} with input as samples.question
		with data.countersign.tenants as samples.tenants
}

test_every_failing_rule_is_named_in_order if {
	verdict := decide.verdict with input as samples.question_with({"caller": "mallory", "models": ["giant"]})
		with data.countersign.tenants as samples.tenants
	verdict == {"allow": false, "reasons": [{"code": "CALLER_NOT_ALLOWED"}, {"code": "MODEL_NOT_ALLOWED", "detail": "giant"}]}
}

test_without_any_tenant_data_everything_is_denied if {
	verdict := decide.verdict with input as samples.question with data.countersign.tenants as {}
	not verdict.allow
}

test_an_empty_question_is_denied if {
	verdict := decide.verdict with input as {} with data.countersign.tenants as samples.tenants
	not verdict.allow
}

test_a_rule_that_can_say_nothing_still_denies if {
	decide.verdict == {"allow": false, "reasons": [{"code": "NOT_ALLOWED"}]} with input as samples.question
		with data.countersign.tenants as samples.tenants
		with decide.model.passes as false
		with decide.model.reasons as set()
}
