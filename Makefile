# What is needed: a Rust toolchain (see rust-version in Cargo.toml) and a C compiler. Everything else
# is fetched into target/ and the user's cache.

CARGO ?= cargo
# More flags for bench and bench-quick, as in: make bench BENCH='--server mariadb'
BENCH ?=
CARGO_DENY_VERSION := 0.20.2
TOOLS := target/tools
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

.PHONY: help run test bench bench-quick check format lint docs dependencies advisories
.DEFAULT_GOAL := help

help: ## Tell what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Build, start an embedded MySQL, open three demo SKUs, serve, print what to try.
	$(CARGO) build --release --locked --bin hotrow
	exec ./target/release/hotrow serve --demo

test: ## Run all tests; a MySQL and a MariaDB are fetched for them.
	$(CARGO) test --workspace --locked --no-fail-fast

bench: ## Measure all of it on an embedded MySQL, in about 15 minutes; target/bench/report.html.
	$(CARGO) run --release --locked -p hotrow-bench -- run $(BENCH)

bench-quick: ## The same in short, under 90 seconds: does it work, and roughly how fast.
	$(CARGO) run --release --locked -p hotrow-bench -- run --suite quick $(BENCH)

check: format lint docs dependencies ## Check format, lints, documentation, licences and dependencies.

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

dependencies: $(CARGO_DENY)
	$(CARGO_DENY) --workspace --locked check bans licenses sources

advisories: $(CARGO_DENY) ## Look for published vulnerabilities in the dependencies; needs the network.
	$(CARGO_DENY) --workspace --locked check advisories

# Built once; kept until the version above changes. Unoptimised: it runs for seconds, and is built for minutes.
$(CARGO_DENY):
	CARGO_PROFILE_DEV_DEBUG=false $(CARGO) install --debug --locked \
		--root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)
