# METADATA
# title: Amount by tenant and option
# description: |
#   Each value a write costs stays within the limit the tenant's data sets for its currency and for the option that was
#   decided; "*" stands for every option not named, a write without a decision included. No limit written down means no.
# custom:
#   codes:
#     AMOUNT_OVER_LIMIT: The write costs more than the tenant's data allows for this option.
#     AMOUNT_WITHOUT_LIMIT: The tenant's data sets no limit for this option in this currency.
package countersign.commit.amount

default passes := false

passes if {
	every cost in values {
		within(cost)
	}
}

reasons contains {"code": "AMOUNT_OVER_LIMIT", "detail": detail} if {
	some cost in values
	most := limit(cost.currency)
	not within(cost)
	detail := sprintf("%d > %d micros %s", [cost.amount, most, cost.currency])
}

reasons contains {"code": "AMOUNT_WITHOUT_LIMIT"} if {
	some cost in values
	not limit(cost.currency)
}

values := [cost | some cost in input.costs; cost.ledger == "value"]

within(cost) if {
	cost.amount >= 0
	cost.amount <= limit(cost.currency)
}

limit(currency) := limits(currency)[input.option]

limit(currency) := limits(currency)["*"] if not limits(currency)[input.option]

limits(currency) := data.countersign.tenants[input.tenant].amount_limits_micros[currency]
