package countersign.decide.model_test

import data.countersign.decide.model
import data.countersign.samples_test as samples

test_named_models_pass if {
	model.passes with input as samples.question with data.countersign.tenants as samples.tenants
}

test_one_model_not_named_does_not_pass if {
	not model.passes with input as samples.question_with({"models": ["local", "giant"]})
		with data.countersign.tenants as samples.tenants
	model.reasons == {{"code": "MODEL_NOT_ALLOWED", "detail": "giant"}} with input as samples.question_with({"models": ["local", "giant"]})
		with data.countersign.tenants as samples.tenants
}

test_a_tenant_without_models_has_none if {
	not model.passes with input as samples.question with data.countersign.tenants as {"acme": {}}
	model.reasons == {{"code": "MODEL_NOT_ALLOWED", "detail": "local"}} with input as samples.question
		with data.countersign.tenants as {"acme": {}}
}

test_a_step_without_a_model_does_not_pass if {
	not model.passes with input as samples.question_with({"models": []}) with data.countersign.tenants as samples.tenants
}
