.PHONY: up test lint unit web e2e points deps bench clean-data

# Starts everything: installs or builds what is missing, then tells where to click.
up:
	@scripts/up

# Every check, in the order of how soon it fails.
test:
	@scripts/test

lint:
	@scripts/test lint

unit:
	@scripts/test unit

web:
	@scripts/test web

e2e:
	@scripts/test e2e

# Writes docs/points.md from the tests that ran last.
points:
	@scripts/test points

# What the programs and their tests need from the system.
deps:
	@scripts/deps --tests

bench:
	@scripts/bench
	cargo bench -p sip

