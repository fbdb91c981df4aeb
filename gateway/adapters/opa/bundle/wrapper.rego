# METADATA
# title: Many questions, one request
# description: |
#   `input` holds questions keyed by an id. Each is asked with itself as `input`, as if it were alone; its answer is a list of
#   the verdict, or the empty list where the bundle has none, so that an answer can be missing but never shifted.
package countersign_gateway

commit[id] := answer if {
	some id, question in input
	answer := [verdict | verdict := data.countersign.commit.verdict with input as question]
}

decide[id] := answer if {
	some id, question in input
	answer := [verdict | verdict := data.countersign.decide.verdict with input as question]
}
