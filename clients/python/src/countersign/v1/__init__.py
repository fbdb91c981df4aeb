"""The wire types, generated from `proto/countersign/v1`. Not for workflows: use `countersign`."""
