# Three images from one wheel: operator, node-agent and copier.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS tools
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM tools AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python3 -m venv /build && /build/bin/pip install --quiet --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY crds/detour_crds crds/detour_crds
COPY failpoints/detour_failpoints failpoints/detour_failpoints
COPY metrics/detour_metrics metrics/detour_metrics
COPY operator/detour_operator operator/detour_operator
COPY node-agent/detour_agent node-agent/detour_agent
COPY copier/detour_copier copier/detour_copier
COPY kubectl-plugin/detour_kubectl kubectl-plugin/detour_kubectl
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheel .

# Each environment is made where it will stand, so that its scripts and links fit; pip stays behind.
FROM tools AS operator-environment
COPY requirements/operator.txt /requirements.txt
RUN python3 -m venv /opt/detour && /opt/detour/bin/pip install --quiet --require-hashes -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN /opt/detour/bin/pip install --quiet --no-deps --no-index /wheel/*.whl \
    && /opt/detour/bin/pip uninstall --quiet --yes pip

FROM tools AS agent-environment
COPY requirements/agent.txt /requirements.txt
# libvirt's Python module comes from Debian: it must match the C library beside it.
RUN python3 -m venv --system-site-packages /opt/detour \
    && /opt/detour/bin/pip install --quiet --require-hashes -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN /opt/detour/bin/pip install --quiet --no-deps --no-index /wheel/*.whl \
    && /opt/detour/bin/pip uninstall --quiet --yes pip

FROM tools AS copier-environment
COPY --from=wheel /wheel /wheel
RUN python3 -m venv /opt/detour \
    && /opt/detour/bin/pip install --quiet --no-deps --no-index /wheel/*.whl \
    && /opt/detour/bin/pip uninstall --quiet --yes pip

FROM ${BASE} AS operator
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=operator-environment /opt/detour /opt/detour
ENV PATH=/opt/detour/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "detour_operator"]

FROM ${BASE} AS node-agent
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-libvirt qemu-utils \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=agent-environment /opt/detour /opt/detour
ENV PATH=/opt/detour/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
# It enters other namespaces; the chart says with which privileges.
USER 0:0
ENTRYPOINT ["python3", "-m", "detour_agent"]

FROM ${BASE} AS copier
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 qemu-utils \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=copier-environment /opt/detour /opt/detour
ENV PATH=/opt/detour/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
# The image is not made if it lacks something that the copier needs.
RUN ionice --class idle python3 -m detour_copier --help > /dev/null
# QEMU's user and group in KubeVirt's launcher.
USER 107:107
ENTRYPOINT ["python3", "-m", "detour_copier"]
