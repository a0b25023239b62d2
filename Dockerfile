# Builds with any engine, even without BuildKit, on any Debian-based image of Python 3.11 to 3.13.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
RUN python -m venv /opt/connector
# requirements.txt lists everything that is downloaded, with its hash. It has its own layer, so that
# a change to the connector does not download it again.
COPY requirements.txt ./
RUN /opt/connector/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --no-deps -r requirements.txt
COPY setup.py README.md ./
COPY source_pipedrive source_pipedrive
RUN /opt/connector/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
        --no-index --no-deps --no-build-isolation . \
    && /opt/connector/bin/pip uninstall --yes --quiet pip setuptools \
    && /opt/connector/bin/python -m compileall -q -j 0 /opt/connector/lib

FROM ${BASE}
COPY --from=build /opt/connector /opt/connector
COPY main.py /airbyte/integration_code/main.py
ENV PATH=/opt/connector/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRBYTE_ENTRYPOINT="python /airbyte/integration_code/main.py"
LABEL io.airbyte.name=source-pipedrive io.airbyte.version=0.2.0
WORKDIR /airbyte/integration_code
USER 1000
ENTRYPOINT ["python", "/airbyte/integration_code/main.py"]
