SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo run stop prove bench bench-quick check test test-all test-containers lint fmt documents sqlx sqlx-check picture

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# What is built: `make demo PROFILE=dev` doesn't wait for the optimiser.
PROFILE := release
BUILT = $(TARGET)/$(PROFILE:dev=debug)
# The binary with a program of tools/. Tests name what is built among, so that all crates have the same
# features as theirs, and none is built twice.
build = cargo build --profile $(PROFILE) $(or $(AMONG),--package redeemq --package $(1)) --bin redeemq --bin $(1)
# Most tests wait for servers and processes: so many at once keep the processors busy.
export RUST_TEST_THREADS ?= $(shell echo $$((3 * $$(getconf _NPROCESSORS_ONLN))))
# The workspace whichever tests are run, and one set of features: no crate is built twice.
CARGO_TEST := cargo test --workspace
# The name of the servers that a target starts, where it shall not meet others: `make run NAME=mine`.
NAME :=
RUN := $(or $(NAME),run)
RUN_PID := $(TARGET)/services/$(RUN).pid
PROVE := $(or $(NAME),prove)
BENCH := $(or $(NAME),bench)
FOLDER := $(TARGET)/bench

# With which servers: `make test SERVERS=newest` takes those of deploy/newest. Programs are built here and run
# there; each of the tests has servers of its own.
SERVERS :=
ifeq ($(SERVERS),newest)
INSIDE := deploy/newest
RUNNER := "setpriv", "--pdeathsig", "TERM", "$(CURDIR)/deploy/newest", "$(CURDIR)/deploy/services", "with", "test", "--"
CARGO_TEST := cargo --config 'target."cfg(all())".runner = [$(RUNNER)]' test --workspace
else ifneq ($(SERVERS),)
$(error SERVERS is `newest`, or left out)
endif

# Builds take what they must know of the database from .sqlx, wherever DATABASE_URL points.
export SQLX_OFFLINE := true

help: ## Show this
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 17

# Built in two thirds of the time that a release takes: Cargo.toml tells of the profile.
demo run: PROFILE := demo
demo: ## Play every operation on a real Postgres and RabbitMQ, then remove them
	$(call build,demo)
	@deploy/services with $(or $(NAME),demo) -- "$(BUILT)/demo"

run: ## Start everything, with sample data, and leave it running
	@if kill -0 "$$(cat "$(RUN_PID)" 2>/dev/null)" 2>/dev/null; then echo 'It runs already: make stop$(if $(NAME), NAME=$(NAME))' >&2; exit 1; fi
	$(call build,demo)
	@addresses=$$(deploy/services up $(RUN)); eval "$$addresses"; \
	REDEEMQ_RUN_PID="$(RUN_PID)" "$(BUILT)/demo" --stay

stop: ## Stop and remove what `make run` started
	@pid=$$(cat "$(RUN_PID)" 2>/dev/null || true); \
	name=$$(if [[ $$pid ]]; then ps -o comm= -p "$$pid" || cat "/proc/$$pid/comm"; fi 2>/dev/null || true); \
	if [[ $$name == *redeemq ]]; then \
		kill "$$pid"; while kill -0 "$$pid" 2>/dev/null; do sleep 0.1; done; \
	fi
	@rm -f "$(RUN_PID)"
	@deploy/services down $(RUN)

# Servers of its own whatever the environment names, for it kills them.
prove: ## Prove the promises while everything dies: JOBS=30000 SECONDS=60 SEED=…
	$(call build,prove)
	@[[ $(PROFILE) != release ]] || ! grep -q REDEEMQ_CRASH "$(BUILT)/redeemq" || { echo 'src/failpoint.rs is in a release build' >&2; exit 1; }
	@env -u DATABASE_URL -u AMQP_URL -u RABBITMQ_MANAGEMENT_URL -u REDEEMQ_SERVICES \
	$(INSIDE) deploy/services with $(PROVE) -- "$(BUILT)/prove" --services $(PROVE) \
	$(if $(JOBS),--jobs $(JOBS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# Servers of its own as well: others would be measured along.
bench: ## Measure how fast it is, against what limits it (25 minutes): docs/benchmarks.md; QUICK=1: 4 minutes
	$(call build,bench)
	@env -u DATABASE_URL -u AMQP_URL -u RABBITMQ_MANAGEMENT_URL -u REDEEMQ_SERVICES \
	deploy/services with $(BENCH) -- "$(BUILT)/bench" --services $(BENCH) \
	--folder "$(FOLDER)" $(if $(QUICK),--quick) $(if $(PICTURES),--pictures "$(PICTURES)") $(ARGS)

bench-quick: ## The same in 4 minutes
	@$(MAKE) --no-print-directory bench QUICK=1

check: lint ## Check format, lints and documentation, and run all tests that need no servers (a minute)
	$(CARGO_TEST) --lib --bins --test protocol --test pages

test: ## Prove the promises on a real Postgres and RabbitMQ (5 minutes); ARGS go to cargo test; SERVERS=newest
	$(if $(INSIDE),,deploy/services with test --) $(CARGO_TEST) $(or $(ARGS),--test it)

# On the newest, what meets the servers; the rest needs more programs than there are.
ifeq ($(SERVERS),newest)
test-all:
	$(CARGO_TEST) --no-fail-fast --test it --test broker --test cluster --test storm
	@$(MAKE) --no-print-directory prove PROFILE=dev AMONG='--workspace --test protocol' JOBS=20000 SECONDS=60
else
test-all: ## Run all tests: killed brokers, clusters, storms, campaign, bench, Prometheus, clients, containers as well (25 minutes); SERVERS=newest
	@$(MAKE) --no-print-directory test-containers
	deploy/services with test -- $(CARGO_TEST) --no-fail-fast
endif

test-containers: PROFILE := demo
test-containers: ## Build the image, and try docker-compose.yml with Debian's podman: jobs, restarts, an update (6 minutes)
	@PROFILE=$(PROFILE) timeout --foreground 25m tests/containers/run

picture: ## Draw the dashboard over a campaign, into docs/pictures
	deploy/services with picture -- $(CARGO_TEST) --test prometheus -- --ignored

lint: ## Check format, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

fmt: ## Format the code
	cargo fmt --all

documents: ## Write docs/openapi.json, docs/asyncapi.json and the rules of deploy/kubernetes anew
	REDEEMQ_WRITE_DOCUMENTS=1 $(CARGO_TEST) --test contract --test kubernetes kept

sqlx: ## Refresh .sqlx, after a change of a query or a migration
	deploy/sqlx-prepare

sqlx-check: ## Fail if .sqlx is out of date
	deploy/sqlx-prepare --check
