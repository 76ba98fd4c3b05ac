SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo run stop prove bench bench-quick test lint fmt documents sqlx sqlx-check picture

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# What is built: `make demo PROFILE=dev` doesn't wait for the optimiser.
PROFILE := release
BUILD = cargo build --profile $(PROFILE) --package redeemq --bin redeemq
BUILT = $(TARGET)/$(PROFILE:dev=debug)
# The name of the servers that a target starts, where it shall not meet others: `make run NAME=mine`.
NAME :=
RUN := $(or $(NAME),run)
RUN_PID := $(TARGET)/services/$(RUN).pid
PROVE := $(or $(NAME),prove)
BENCH := $(or $(NAME),bench)
FOLDER := $(TARGET)/bench

# Builds take what they must know of the database from .sqlx, wherever DATABASE_URL points.
export SQLX_OFFLINE := true

help: ## Show this
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 12

demo: ## Play every operation on a real Postgres and RabbitMQ, then remove them
	$(BUILD) --package demo --bin demo
	@deploy/services with $(or $(NAME),demo) -- "$(BUILT)/demo"

# Not optimised: whoever tries it for the first time has it in half the time.
run: PROFILE := dev
run: ## Start everything, with sample data, and leave it running
	@if kill -0 "$$(cat "$(RUN_PID)" 2>/dev/null)" 2>/dev/null; then echo 'It runs already: make stop$(if $(NAME), NAME=$(NAME))' >&2; exit 1; fi
	$(BUILD) --package demo --bin demo
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
	$(BUILD) --package prove --bin prove
	@[[ $(PROFILE) != release ]] || ! grep -q REDEEMQ_CRASH "$(BUILT)/redeemq" || { echo 'src/failpoint.rs is in a release build' >&2; exit 1; }
	@env -u DATABASE_URL -u AMQP_URL -u RABBITMQ_MANAGEMENT_URL -u REDEEMQ_SERVICES \
	deploy/services with $(PROVE) -- "$(BUILT)/prove" --services $(PROVE) \
	$(if $(JOBS),--jobs $(JOBS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# Servers of its own as well: others would be measured along.
bench: ## Measure how fast it is, against what limits it (25 minutes): docs/benchmarks.md; QUICK=1: 4 minutes
	$(BUILD) --package bench --bin bench
	@env -u DATABASE_URL -u AMQP_URL -u RABBITMQ_MANAGEMENT_URL -u REDEEMQ_SERVICES \
	deploy/services with $(BENCH) -- "$(BUILT)/bench" --services $(BENCH) \
	--folder "$(FOLDER)" $(if $(QUICK),--quick) $(if $(PICTURES),--pictures "$(PICTURES)") $(ARGS)

bench-quick: ## The same in 4 minutes
	@$(MAKE) --no-print-directory bench QUICK=1

test: ## Run the tests on a real Postgres and RabbitMQ; ARGS go to cargo test
	deploy/services with test -- cargo test --workspace $(ARGS)

picture: ## Draw the dashboard over a campaign, into docs/pictures
	deploy/services with picture -- cargo test --test prometheus -- --ignored

lint: ## Check format, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

fmt: ## Format the code
	cargo fmt --all

documents: ## Write docs/openapi.json and docs/asyncapi.json anew, after a change of the API
	REDEEMQ_WRITE_DOCUMENTS=1 cargo test --test contract kept

sqlx: ## Refresh .sqlx, after a change of a query or a migration
	deploy/sqlx-prepare

sqlx-check: ## Fail if .sqlx is out of date
	deploy/sqlx-prepare --check
