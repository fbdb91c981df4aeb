package countersign.commit.amount_test

import data.countersign.commit.amount
import data.countersign.samples_test as samples

costing(micros) := samples.write_with({"costs": [{"ledger": "value", "currency": "USD", "amount": micros}]})

test_the_limit_itself_passes if {
	amount.passes with input as costing(1000000000) with data.countersign.tenants as samples.tenants
}

test_one_micro_more_does_not_pass if {
	not amount.passes with input as costing(1000000001) with data.countersign.tenants as samples.tenants
	detail := "1000000001 > 1000000000 micros USD"
	amount.reasons == {{"code": "AMOUNT_OVER_LIMIT", "detail": detail}} with input as costing(1000000001)
		with data.countersign.tenants as samples.tenants
}

test_a_negative_amount_does_not_pass if {
	not amount.passes with input as costing(-1) with data.countersign.tenants as samples.tenants
}

test_an_option_without_a_limit_does_not_pass if {
	not amount.passes with input as samples.write_with({"option": "enterprise"})
		with data.countersign.tenants as samples.tenants
	amount.reasons == {{"code": "AMOUNT_WITHOUT_LIMIT"}} with input as samples.write_with({"option": "enterprise"})
		with data.countersign.tenants as samples.tenants
}

test_another_currency_does_not_pass if {
	euros := samples.write_with({"costs": [{"ledger": "value", "currency": "EUR", "amount": 1}]})
	not amount.passes with input as euros with data.countersign.tenants as samples.tenants
}

test_the_star_stands_for_options_not_named if {
	tenants := samples.tenants_with({"amount_limits_micros": {"USD": {"team_pro": 5, "*": 7}}})
	every option in ["enterprise", ""] {
		amount.passes with input as object.union(costing(7), {"option": option}) with data.countersign.tenants as tenants
		not amount.passes with input as object.union(costing(8), {"option": option}) with data.countersign.tenants as tenants
	}
}

test_the_star_does_not_widen_a_named_option if {
	tenants := samples.tenants_with({"amount_limits_micros": {"USD": {"team_pro": 5, "*": 7}}})
	not amount.passes with input as costing(6) with data.countersign.tenants as tenants
}

test_every_value_is_held_to_its_limit if {
	twice := samples.write_with({"costs": [
		{"ledger": "value", "currency": "USD", "amount": 1},
		{"ledger": "value", "currency": "USD", "amount": 1000000001},
	]})
	not amount.passes with input as twice with data.countersign.tenants as samples.tenants
}

test_a_write_that_costs_no_value_passes if {
	counted := samples.write_with({"costs": [{"ledger": "writes", "currency": "", "amount": 1}]})
	amount.passes with input as counted with data.countersign.tenants as samples.tenants
}
