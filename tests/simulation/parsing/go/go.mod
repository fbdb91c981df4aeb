module countersign.dev/tests/parsing

go 1.24
