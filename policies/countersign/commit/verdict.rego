# METADATA
# title: May this write leave?
# description: |
#   A write is allowed when every rule passes, and never because no rule objected: a rule that is undefined, misspelt or
#   missing denies. The reasons only explain; they do not decide.
# scope: subpackages
# schemas:
#   - input: schema.commit_input
# custom:
#   codes:
#     NOT_ALLOWED: No rule allows this write, and none could say why.
package countersign.commit

import data.countersign.commit.amount
import data.countersign.commit.calendar
import data.countersign.commit.caller
import data.countersign.commit.risk

default verdict := {"allow": false, "reasons": [{"code": "NOT_ALLOWED"}]}

verdict := {"allow": true, "reasons": []} if allow

verdict := {"allow": false, "reasons": sort(reasons)} if {
	not allow
	count(reasons) > 0
}

allow if {
	caller.passes
	risk.passes
	amount.passes
	calendar.passes
}

reasons := ((caller.reasons | risk.reasons) | amount.reasons) | calendar.reasons
