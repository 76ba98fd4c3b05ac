FROM rust:1.95-bookworm AS build
WORKDIR /src
ENV SQLX_OFFLINE=true
COPY . .
# The caches outlast a change of the sources. What is in them is not in the image: hence the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin redeemq \
    && cp target/release/redeemq /usr/local/bin/redeemq

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin redeemq
COPY --from=build /usr/local/bin/redeemq /usr/local/bin/redeemq
USER 10001
ENV REDEEMQ_HTTP_ADDR=0.0.0.0:8080 \
    REDEEMQ_METRICS_ADDR=0.0.0.0:9464
EXPOSE 8080 9464
ENTRYPOINT ["redeemq"]
