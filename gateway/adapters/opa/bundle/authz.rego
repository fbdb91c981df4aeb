# METADATA
# title: What the gateway's engine may be asked
# description: The two wrapped entrypoints and its health; no policy or data can be read or written over the socket.
package system.authz

default allow := false

allow if {
	input.method == "POST"
	input.path in [
		["v1", "data", "countersign_gateway", "commit"],
		["v1", "data", "countersign_gateway", "decide"],
	]
}

allow if {
	input.method == "GET"
	input.path == ["health"]
}
