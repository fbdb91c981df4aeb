"""What a gRPC host implements, generated from `proto/countersign/host`."""
