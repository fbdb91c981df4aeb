# The gateway with its policy engine inside. Non-root; writes to /var/lib/countersign and /run/countersign only, so the root may be read-only:
#
#   docker build -t countersign-gateway:0.1.0 .
#   docker run --read-only --tmpfs /run/countersign:uid=65532,gid=65532,mode=0750 -v countersign:/var/lib/countersign \
#     -v "$PWD/etc:/etc/countersign:ro" countersign-gateway:0.1.0
#
# BASE needs Python 3.11 with venv and pip, GO_BASE needs Go. Any image that has them will do, one of your own included, by tag or by digest.
# Opa runs as a child of the gateway on a private socket; a second process in the container belongs to it.
ARG BASE=python:3.11-slim-bookworm
ARG GO_BASE=golang:1.26-bookworm

FROM ${GO_BASE} AS opa
ARG OPA_VERSION=1.21.3
ENV CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN=/out
RUN go install -ldflags="-s -w" "github.com/open-policy-agent/opa@v${OPA_VERSION}" \
    && /out/opa version

FROM ${BASE} AS build
WORKDIR /src
# Two environments: what builds never enters the image. Everything from outside is a wheel with a pinned hash.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv /opt/build \
    && python3 -m venv --without-pip /opt/countersign \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/countersign/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY LICENSE README.md pyproject.toml ./
COPY clients/python clients/python
COPY agent agent
COPY gateway gateway
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels ./clients/python . \
    && /opt/build/bin/pip --python /opt/countersign/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl \
    && /opt/build/bin/pip --python /opt/countersign/bin/python check

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="countersign-gateway" \
      org.opencontainers.image.description="The agent proposes, the workflow disposes, the gateway countersigns." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=opa /out/opa /usr/local/bin/opa
COPY --from=build /opt/countersign /opt/countersign
COPY LICENSE /usr/share/doc/countersign/LICENSE
# The default bundle: settings name it under activation.policies, beneath the activation's own.
COPY policies /usr/share/countersign/policies
RUN install -d -o 65532 -g 65532 -m 0750 /var/lib/countersign /run/countersign \
    && install -d -m 0755 /etc/countersign
ENV PATH=/opt/countersign/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/run/countersign \
    TMPDIR=/run/countersign
USER 65532:65532
WORKDIR /var/lib/countersign
VOLUME ["/var/lib/countersign"]
STOPSIGNAL SIGTERM
# Whoever runs the container asks the diagnostic listener; a second interpreter every few seconds would cost more than it tells.
HEALTHCHECK NONE
ENTRYPOINT ["countersign"]
CMD ["serve", "--settings", "/etc/countersign/settings.yaml"]
