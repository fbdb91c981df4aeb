# METADATA
# title: Risk against tenant
# description: The boundary gives every action a risk; the tenant's data says how much of it is taken without a person.
# custom:
#   codes:
#     RISK_TOO_HIGH: The action's risk is above what the tenant's data takes.
package countersign.commit.risk

ranks := {"low": 1, "medium": 2, "high": 3}

default passes := false

passes if ranks[input.risk] <= ranks[risk_max]

reasons contains {"code": "RISK_TOO_HIGH", "detail": sprintf("%s > %s", [input.risk, risk_max])} if {
	not passes
	risk_max
}

reasons contains {"code": "RISK_TOO_HIGH"} if not risk_max

risk_max := data.countersign.tenants[input.tenant].risk_max
