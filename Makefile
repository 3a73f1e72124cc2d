PYTHON ?= python3
UV := .venv/bin/uv
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: run test check bench install format

# Everything in the lock file, into .venv; uv itself comes from the package index as well.
install: .venv/.installed

.venv/.installed: pyproject.toml uv.lock
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	test -x $(UV) || .venv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(UV) sync --quiet --frozen --inexact --extra heic --extra raw
	touch $@

# Serve on $$PORT in the foreground.
run: install
	exec .venv/bin/pixlean serve

test: install
	.venv/bin/python -m pytest

check: install
	.venv/bin/ruff format --check src tests benchmarks scripts
	.venv/bin/ruff check src tests benchmarks scripts
	.venv/bin/mypy
	.venv/bin/lint-imports

format: install
	.venv/bin/ruff format src tests benchmarks scripts
	.venv/bin/ruff check --fix src tests benchmarks scripts

bench: install
	.venv/bin/python -m benchmarks.run
