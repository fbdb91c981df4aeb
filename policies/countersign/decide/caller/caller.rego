# METADATA
# title: Caller, workflow and step
# description: The tenant's data names who may run a workflow, and at which of its steps an agent may be asked.
# custom:
#   codes:
#     CALLER_NOT_ALLOWED: The tenant's data does not let this caller run this workflow.
#     STEP_NOT_ALLOWED: The tenant's data does not let an agent be asked at this step.
package countersign.decide.caller

default passes := false

passes if {
	caller_named
	step_named
}

reasons contains {"code": "CALLER_NOT_ALLOWED"} if not caller_named

reasons contains {"code": "STEP_NOT_ALLOWED"} if not step_named

caller_named if input.caller in workflow.callers

step_named if input.step in workflow.steps

workflow := data.countersign.tenants[input.tenant].workflows[input.workflow]
