# METADATA
# title: Caller, workflow and action
# description: The tenant's data names who may run a workflow, and which actions that workflow may commit.
# custom:
#   codes:
#     CALLER_NOT_ALLOWED: The tenant's data does not let this caller run this workflow.
#     ACTION_NOT_ALLOWED: The tenant's data does not let this workflow commit this action.
package countersign.commit.caller

default passes := false

passes if {
	caller_named
	action_named
}

reasons contains {"code": "CALLER_NOT_ALLOWED"} if not caller_named

reasons contains {"code": "ACTION_NOT_ALLOWED"} if not action_named

caller_named if input.caller in workflow.callers

action_named if input.action in workflow.actions

workflow := data.countersign.tenants[input.tenant].workflows[input.workflow]
