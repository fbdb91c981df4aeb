# METADATA
# title: Models of a tenant
# description: Every model the step may fall back to is one the tenant's data names.
# custom:
#   codes:
#     MODEL_NOT_ALLOWED: The tenant's data does not name this model.
package countersign.decide.model

default passes := false

passes if {
	count(input.models) > 0
	every model in input.models {
		named(model)
	}
}

reasons contains {"code": "MODEL_NOT_ALLOWED", "detail": model} if {
	some model in input.models
	not named(model)
}

named(model) if model in data.countersign.tenants[input.tenant].models
