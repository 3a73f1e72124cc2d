PYTHON ?= python3
# More for pytest: make test PYTEST_ARGS="tests/codecs -k png"
PYTEST_ARGS ?=
# Tests mostly wait for servers that start. A file's tests stay together, because they share servers.
TEST_PROCESSES ?= 2
UV := .venv/bin/uv
SYNC := $(UV) sync --quiet --frozen --inexact --extra heic --extra raw
export UV_PROJECT_ENVIRONMENT := .venv
# Modules are compiled once, not by every process that starts, whatever the shell says: half a server's start is that.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install run test test-slow check format bench native ui ui-dev site

# Everything in the lock file, into .venv; uv itself comes from the package index as well.
install: .venv/.installed-dev

# What a server needs, and no tools of developers. --inexact: what else is in .venv stays there.
.venv/.installed-run: pyproject.toml uv.lock | $(UV)
	$(SYNC) --no-dev
	touch $@

.venv/.installed-dev: pyproject.toml uv.lock | $(UV)
	$(SYNC)
	touch .venv/.installed-run $@

$(UV):
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

# Serve on $$PORT in the foreground.
run: .venv/.installed-run
	exec .venv/bin/pixlean serve

test: install
	.venv/bin/python -m pytest -rfEs -n $(TEST_PROCESSES) --dist loadfile -m "not slow" $(PYTEST_ARGS)

# Exit code 5: there is no slow test.
test-slow: install
	.venv/bin/python -m pytest -rfEs -m slow $(PYTEST_ARGS) || test $$? = 5

check: install
	.venv/bin/ruff format --check src tests benchmarks scripts
	.venv/bin/ruff check src tests benchmarks scripts
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python scripts/build_site.py --check

format: install
	.venv/bin/ruff format src tests benchmarks scripts
	.venv/bin/ruff check --fix src tests benchmarks scripts

bench: install
	.venv/bin/python -m benchmarks.run

# The documentation as a site, into site/; its links are checked.
site: install
	.venv/bin/python scripts/build_site.py

# The page, built into src/pixlean/web/ui: for those who change it; nobody else needs Node.
ui: ui/node_modules/.installed
	cd ui && npm run --silent check && npm run --silent build

# The small C library, for x86-64 and aarch64: for those who change it. What it makes is committed.
native: install
	.venv/bin/uv pip install --quiet ziglang==0.17.1
	scripts/build_native.sh "$(CURDIR)/.venv/bin/python"

# The page with changes shown as they are made; $$PIXLEAN_URL is the server that it asks (127.0.0.1:8080).
ui-dev: ui/node_modules/.installed
	cd ui && npm run --silent dev

ui/node_modules/.installed: ui/package.json ui/package-lock.json
	cd ui && npm ci --ignore-scripts
	touch $@
