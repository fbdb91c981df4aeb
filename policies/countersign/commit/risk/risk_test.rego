package countersign.commit.risk_test

import data.countersign.commit.risk
import data.countersign.samples_test as samples

test_risk_up_to_the_tenants_passes if {
	every level in ["low", "medium"] {
		risk.passes with input as samples.write_with({"risk": level}) with data.countersign.tenants as samples.tenants
	}
}

test_more_risk_does_not_pass if {
	not risk.passes with input as samples.write_with({"risk": "high"}) with data.countersign.tenants as samples.tenants
	risk.reasons == {{"code": "RISK_TOO_HIGH", "detail": "high > medium"}} with input as samples.write_with({"risk": "high"})
		with data.countersign.tenants as samples.tenants
}

test_a_risk_nobody_has_heard_of_does_not_pass if {
	not risk.passes with input as samples.write_with({"risk": "tiny"}) with data.countersign.tenants as samples.tenants
}

test_a_tenant_without_a_risk_takes_none if {
	not risk.passes with input as samples.write_with({"risk": "low"}) with data.countersign.tenants as {"acme": {}}
	risk.reasons == {{"code": "RISK_TOO_HIGH"}} with input as samples.write_with({"risk": "low"})
		with data.countersign.tenants as {"acme": {}}
}
