FROM rust:1.95.0-bookworm AS build
# `--build-arg PROFILE=demo` doesn't wait for the optimiser.
ARG PROFILE=release
WORKDIR /src
ENV SQLX_OFFLINE=true
COPY . .
# The caches outlast a change of the sources. What is in them is not in the image: hence the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --profile "$PROFILE" --locked --bin redeemq \
    && cp "target/$PROFILE/redeemq" /usr/local/bin/redeemq

FROM debian:12.15-slim
# For servers that are reached by TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/redeemq /usr/local/bin/redeemq
# By number: Kubernetes can't tell of a name that it is not root's.
USER 10001:10001
ENV REDEEMQ_HTTP_ADDR=0.0.0.0:8080 \
    REDEEMQ_METRICS_ADDR=0.0.0.0:9464
EXPOSE 8080 9464
ENTRYPOINT ["redeemq"]
