# The image of the service. Mapping files and settings are not in it: they are mounted (the Helm chart in helm/ does so).
#
#   docker build -t profile-consumer .
#   docker run --rm --read-only -v ./schemas:/schemas:ro -p 8080:8080 \
#     -e PROFILE_CONSUMER_SCHEMAS=/schemas -e PROFILE_CONSUMER_TARGET__CLIENT=acme \
#     -e PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 profile-consumer run --dry-run
#
# Any image with Python 3.11 or newer, pip and the system's CA certificates will do as the base of both stages.
ARG PYTHON=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY consumer consumer
COPY schemas schemas
# The environment has no pip of its own: nothing in the running image installs anything. The example mappings, which the
# package brings for `demo`, stay out.
RUN python3 -m venv --without-pip /app \
    && python3 -m pip --python /app/bin/python install --no-cache-dir --constraint constraints.txt . \
    && rm -r /app/lib/python3*/site-packages/consumer/schemas

FROM ${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="profile-consumer" \
      org.opencontainers.image.description="Kafka customer-action events to Adobe Target visitor profiles" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root; the same as in the chart.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/app/bin/profile-consumer"]
CMD ["run"]
