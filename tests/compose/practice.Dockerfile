# Practice backends and the client: nginx and dig.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN { command -v nginx && command -v dig; } >/dev/null || { \
        apt-get update && \
        apt-get install --yes --no-install-recommends nginx-light bind9-dnsutils && \
        rm -rf /var/lib/apt/lists/*; \
    }
COPY tests/compose/backend.conf /etc/nginx/nginx.conf
USER 65534:65534
CMD ["nginx", "-g", "daemon off;"]
