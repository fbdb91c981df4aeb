package countersign.commit.caller_test

import data.countersign.commit.caller
import data.countersign.samples_test as samples

test_a_named_caller_and_action_pass if {
	caller.passes with input as samples.write with data.countersign.tenants as samples.tenants
	caller.reasons == set() with input as samples.write with data.countersign.tenants as samples.tenants
}

test_another_caller_does_not_pass if {
	not caller.passes with input as samples.write_with({"caller": "mallory"})
		with data.countersign.tenants as samples.tenants
	caller.reasons == {{"code": "CALLER_NOT_ALLOWED"}} with input as samples.write_with({"caller": "mallory"})
		with data.countersign.tenants as samples.tenants
}

test_another_action_does_not_pass if {
	not caller.passes with input as samples.write_with({"action": "delete_account"})
		with data.countersign.tenants as samples.tenants
	caller.reasons == {{"code": "ACTION_NOT_ALLOWED"}} with input as samples.write_with({"action": "delete_account"})
		with data.countersign.tenants as samples.tenants
}

test_another_workflow_does_not_pass if {
	not caller.passes with input as samples.write_with({"workflow": "close_books"})
		with data.countersign.tenants as samples.tenants
	caller.reasons == {{"code": "CALLER_NOT_ALLOWED"}, {"code": "ACTION_NOT_ALLOWED"}} with input as samples.write_with({"workflow": "close_books"})
		with data.countersign.tenants as samples.tenants
}
