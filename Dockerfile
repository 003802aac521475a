# The image of pointsman: a Debian with the binary and the authorities that `https` checks trust. No configuration.
#
#   cargo build --release
#   docker build --tag pointsman .
#   docker run --read-only --cap-drop ALL --cap-add NET_BIND_SERVICE --sysctl net.ipv4.ip_unprivileged_port_start=53 \
#       --volume /etc/pointsman:/etc/pointsman:ro --volume pointsman-state:/var/lib/pointsman \
#       --publish 53:53/udp --publish 53:53/tcp pointsman
#
# The binary is built outside, so BASE must have a libc no older than the machine that built it. Where no registry
# is at hand, tests/compose/base-image.sh makes a BASE from Debian's packages.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN test -s /etc/ssl/certs/ca-certificates.crt || { \
        apt-get update && \
        apt-get install --yes --no-install-recommends ca-certificates && \
        rm -rf /var/lib/apt/lists/*; \
    }

# A number besides the name, so that an orchestrator can see that it is not root.
RUN groupadd --gid 10053 pointsman && \
    useradd --uid 10053 --gid 10053 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pointsman && \
    install --directory --owner pointsman --group pointsman --mode 0750 /var/lib/pointsman

ARG BINARY=target/release/pointsman
COPY ${BINARY} /usr/local/bin/pointsman
# The build has put the man pages and completions into the binary.
RUN pointsman man --out /usr/local/share/man/man1 && \
    install --directory /usr/local/share/bash-completion/completions && \
    pointsman completions bash > /usr/local/share/bash-completion/completions/pointsman

USER 10053:10053
EXPOSE 53/udp 53/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/pointsman"]
CMD ["serve", "--config", "/etc/pointsman/pointsman.toml"]
