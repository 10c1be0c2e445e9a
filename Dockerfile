# The exporter in a container, watching the host's processes:
#
#   docker build -t agent_exporter .
#   docker run -d --name agent_exporter --pid=host -p 10058:10058 -v /proc:/host/proc:ro agent_exporter
#
# It runs as a user without rights: of other users' processes it then sees CPU, memory and names (and from Linux 6.2 on
# the number of open files), but neither executable nor I/O. For those as well, run it as root with the two capabilities
# that reading them takes, and no other:
#
#   docker run -d --pid=host -p 10058:10058 -v /proc:/host/proc:ro --user 0 --cap-drop ALL \
#     --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH --security-opt apparmor=unconfined agent_exporter
#
# With --cap-add BPF --cap-add PERFMON as well, processes are read in one loop in the kernel and no fork or exit is missed.
#
# (Docker's AppArmor profile, where there is one, refuses to read other containers' /proc entries whatever the
# capabilities; without AppArmor leave the option out.)

FROM debian:13-slim AS builder
WORKDIR /src
COPY deploy/packages.sh deploy/packages.sh
RUN deploy/packages.sh install build && rm -rf /var/lib/apt/lists/*
COPY . .
# docker build --build-arg REVISION=$(git rev-parse --short HEAD): needed where the build's context has no .git.
ARG REVISION
RUN AGENT_EXPORTER_REVISION=$REVISION deploy/quickstart.sh --build --no-start \
    && strip build/release/bin/agent_exporter \
    && deploy/packages.sh runtime build/release/bin/agent_exporter > /runtime-packages

FROM debian:13-slim
COPY --from=builder /runtime-packages /runtime-packages
RUN apt-get update \
    && xargs apt-get install -y --no-install-recommends < /runtime-packages \
    && rm -rf /var/lib/apt/lists/* /runtime-packages \
    && useradd --system --home-dir /var/lib/agent_exporter --no-create-home agent_exporter \
    && install -d -o agent_exporter -g root -m 2770 /var/lib/agent_exporter
COPY --from=builder /src/build/release/bin/agent_exporter /usr/local/bin/agent_exporter
ARG REVISION
LABEL org.opencontainers.image.revision=$REVISION
# Its user owns the state; root, which may have lost the right to ignore modes (--cap-drop ALL), and any other user of group 0
# may write there too.
ENV STATE_DIRECTORY=/var/lib/agent_exporter
VOLUME /var/lib/agent_exporter
USER agent_exporter
WORKDIR /var/lib/agent_exporter
EXPOSE 10058
# bash's own TCP, so that the image needs no curl.
HEALTHCHECK --interval=30s --timeout=5s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/10058 && printf 'GET /-/healthy HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^HTTP/1.. 200' <&3"]
ENTRYPOINT ["agent_exporter"]
CMD ["serve", "--path.procfs=/host/proc"]
