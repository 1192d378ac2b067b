# What is needed: a Rust toolchain (see rust-version in Cargo.toml) and a C compiler. Everything else
# is fetched into target/ and the user's cache.

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
TOOLS := target/tools
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

.PHONY: help run test check advisories
.DEFAULT_GOAL := help

help: ## Tell what can be made.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Build, start an embedded MySQL, open three demo SKUs, serve, print what to try.
	$(CARGO) build --release --locked --bin hotrow
	exec ./target/release/hotrow serve --demo

test: ## Run all tests; a MySQL and a MariaDB are fetched for them.
	$(CARGO) test --workspace --locked

check: $(CARGO_DENY) ## Check format, lints, documentation, licences and dependencies.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked
	$(CARGO_DENY) --workspace --locked check bans licenses sources

advisories: $(CARGO_DENY) ## Look for published vulnerabilities in the dependencies; needs the network.
	$(CARGO_DENY) --workspace --locked check advisories

# Built once, some minutes; kept until the version above changes.
$(CARGO_DENY):
	$(CARGO) install --locked --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)
