# A handful of verbs and no logic. Each works on a fresh machine with Python 3.11+ and make.
.DEFAULT_GOAL := help
PY := .venv/bin/python
.PHONY: help env demo test check prove bench gen serve

help:            ## what can be done here
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## *' '{printf "  make %-8s %s\n", $$1, $$2}'

env:             ## the environment, pinned by hash, and OPA
	@./.ci/environment

demo: env        ## watch one governed decision and one governed write happen
	@$(PY) -m examples.subscription.demo

test: env        ## unit, architecture, contract exams, cases, Rego, end to end
	@./.ci/test

check: env       ## format, lint, types, imports, protos, generated files, policies, manifests
	@./.ci/check

prove: env       ## the suites behind the guarantees; SIZE=quick|full|soak
	@$(PY) -m tests.prove --size $${SIZE:-quick}

bench: env       ## what governing costs, as a ratio in one run
	@$(PY) -m benchmarks

gen: env         ## write everything that is generated
	@./.ci/generate

serve: env       ## the example's gateway, until interrupted
	@.venv/bin/countersign serve --settings examples/subscription/settings.yaml
