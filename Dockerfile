# pixlean's server, command line and worker. Built for amd64 and arm64 from the same file.
#
#   docker build -t pixlean .
#   docker build -t pixlean:no-gpl --build-arg EXTRAS="--extra raw" --build-arg PROGRAMS="" .
#
# The second has neither the heic extra (its wheel is GPL-2 through x265) nor gifsicle (GPL-2, a separate program).
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG EXTRAS="--extra heic --extra raw"
ARG UV_VERSION=">=0.9"
# Debian's newest within its release: security fixes are wanted, and old versions leave the mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv${UV_VERSION}"
WORKDIR /source
# A mirror with a certificate of its own is trusted where the base image trusts it.
ENV UV_SYSTEM_CERTS=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON=/usr/bin/python3 UV_PROJECT_ENVIRONMENT=/opt/pixlean
# The packages first: they change less often than the source, and their layer is kept.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /uv/bin/uv sync --frozen --no-dev --no-install-project ${EXTRAS}
COPY scripts/slim_packages.py ./scripts/
RUN python3 scripts/slim_packages.py /opt/pixlean/lib/python3.*/site-packages
COPY src ./src
RUN /uv/bin/uv sync --frozen --no-dev --no-editable ${EXTRAS}

FROM ${BASE}
ARG PROGRAMS="gifsicle"
ARG VERSION="0.1.0"
ARG REVISION=""
LABEL org.opencontainers.image.title="pixlean" \
      org.opencontainers.image.description="Makes images smaller and keeps them looking the same: six public APIs, one server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# tini is process 1: it hands on signals and reaps what encoding processes leave behind.
# Debian's newest within its release: security fixes are wanted, and old versions leave the mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini ${PROGRAMS} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb \
 && groupadd --gid 65532 pixlean \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /data --shell /usr/sbin/nologin pixlean \
 && install --directory --owner=65532 --group=65532 --mode=0700 /data
COPY --from=build /opt/pixlean /opt/pixlean
ENV PATH=/opt/pixlean/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    PIXLEAN_DATA_DIR=/data \
    REQUIRE_KEY=true \
    PORT=8080
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["pixlean", "health"]
ENTRYPOINT ["/usr/bin/tini", "--", "pixlean"]
CMD ["serve"]
