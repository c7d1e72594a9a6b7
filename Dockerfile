# One image for every role: web, workers, beat, scoring. `docker run` alone starts all of them in one container.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/assay \
    && /opt/assay/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
# bubblewrap holds what is not yet proven; its version follows Debian's security updates. Models of texts
# change case by en_US.UTF-8, where they name no locale.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap locales \
    && localedef -i en_US -f UTF-8 en_US.UTF-8 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin assay \
    && install -d -o assay -g assay -m 0700 /data /node-keys

COPY --from=packages /opt/assay /opt/assay
WORKDIR /srv/assay
COPY manage.py CHANGELOG.md ./
COPY config config
COPY demo demo
COPY formats formats
COPY registry registry
COPY releases releases
COPY scoring scoring
COPY templates templates
COPY static static
# Read-only at run time, also inside the sandbox: the bytecode has to be there already.
RUN /opt/assay/bin/python -m compileall -q config demo formats registry releases scoring

ENV PATH=/opt/assay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    ASSAY_HOST=0.0.0.0 \
    ASSAY_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "config.serving.probes", "8000", "/healthz"]
CMD ["python", "manage.py", "up"]
