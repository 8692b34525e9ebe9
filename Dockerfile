FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY exporter/ exporter/
RUN mkdir /state \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/do-app-exporter \
    && pip --python /opt/do-app-exporter/bin/python install --no-cache-dir --only-binary=:all: --constraint constraints.txt "$(echo /wheels/*.whl)[postgresql,redis]"

FROM python:3.12-slim
COPY --from=build /opt/do-app-exporter /opt/do-app-exporter
# The one place to write to, for a volume that keeps state; a new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /state /var/lib/do-app-exporter
ARG REVISION=unknown
ENV DO_APP_EXPORTER_REVISION=${REVISION} \
    PATH=/opt/do-app-exporter/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title="do-app-exporter" \
      org.opencontainers.image.description="Prometheus exporter for DigitalOcean App Platform" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 10046
# For the default listen address; with another one, or TLS, give the container its own check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10046/-/healthy', timeout=4)"]
ENTRYPOINT ["do-app-exporter"]
