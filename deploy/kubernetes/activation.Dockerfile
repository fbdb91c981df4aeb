# An activation folder as an image: built from that folder, by whoever owns it.
#   docker build -f activation.Dockerfile -t countersign-activation:0.1.0 path/to/activation
ARG BASE=busybox:1.37
FROM ${BASE}
COPY . /activation/
USER 65532:65532
