package countersign.decide.caller_test

import data.countersign.decide.caller
import data.countersign.samples_test as samples

test_a_named_caller_and_step_pass if {
	caller.passes with input as samples.question with data.countersign.tenants as samples.tenants
	caller.reasons == set() with input as samples.question with data.countersign.tenants as samples.tenants
}

test_another_caller_does_not_pass if {
	not caller.passes with input as samples.question_with({"caller": "mallory"})
		with data.countersign.tenants as samples.tenants
}

test_another_workflow_does_not_pass if {
	not caller.passes with input as samples.question_with({"workflow": "close_books"})
		with data.countersign.tenants as samples.tenants
	caller.reasons == {{"code": "CALLER_NOT_ALLOWED"}, {"code": "STEP_NOT_ALLOWED"}} with input as samples.question_with({"workflow": "close_books"})
		with data.countersign.tenants as samples.tenants
}

test_another_step_does_not_pass if {
	not caller.passes with input as samples.question_with({"step": "read_account"})
		with data.countersign.tenants as samples.tenants
	caller.reasons == {{"code": "STEP_NOT_ALLOWED"}} with input as samples.question_with({"step": "read_account"})
		with data.countersign.tenants as samples.tenants
}
