# syntax directives are left out: the image builds with any engine, also without BuildKit.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY setup.py README.md constraints.txt main.py ./
COPY source_pipedrive source_pipedrive
RUN python -m venv /opt/connector \
    && /opt/connector/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
        -c constraints.txt . \
    && /opt/connector/bin/pip uninstall --yes --quiet pip setuptools \
    && /opt/connector/bin/python -m compileall -q -j 0 /opt/connector/lib

FROM ${BASE}
COPY --from=build /opt/connector /opt/connector
COPY main.py /airbyte/integration_code/main.py
ENV PATH=/opt/connector/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRBYTE_ENTRYPOINT="python /airbyte/integration_code/main.py"
LABEL io.airbyte.name=source-pipedrive io.airbyte.version=0.1.0
WORKDIR /airbyte/integration_code
USER 1000
ENTRYPOINT ["python", "/airbyte/integration_code/main.py"]
