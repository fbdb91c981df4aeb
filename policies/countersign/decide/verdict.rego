# METADATA
# title: May this step think?
# description: |
#   An agent is asked only when every rule passes, and never because no rule objected: a rule that is undefined, misspelt or
#   missing denies. The reasons only explain; they do not decide.
# scope: subpackages
# schemas:
#   - input: schema.decide_input
# custom:
#   codes:
#     NOT_ALLOWED: No rule allows this step, and none could say why.
package countersign.decide

import data.countersign.decide.caller
import data.countersign.decide.model

default verdict := {"allow": false, "reasons": [{"code": "NOT_ALLOWED"}]}

verdict := {"allow": true, "reasons": []} if allow

verdict := {"allow": false, "reasons": sort(reasons)} if {
	not allow
	count(reasons) > 0
}

allow if {
	caller.passes
	model.passes
}

reasons := caller.reasons | model.reasons
