PYTHON ?= python3
PY = .venv/bin/python
MINUTES ?= 60
DATABASE ?= sqlite

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/ready: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: .venv/ready  ## push a sample chain to a mock shop and compare, item by item
	$(PY) manage.py demo

serve: .venv/ready  ## broker, mock shop, worker, beat, flower and web server, until Ctrl-C
	@exec $(PY) manage.py serve

browser:  ## a browser for the tests, by apt-get where that may be
	@.ci/browser

servers:  ## PgBouncer, RabbitMQ and docker-compose for the tests, from Debian where that may be
	@.ci/servers

test: .venv/ready browser servers  ## all tests, on SQLite and on a real PostgreSQL
	TEST_DATABASE=sqlite $(PY) -m pytest --maxfail=10
	TEST_DATABASE=postgres $(PY) -m pytest --maxfail=10

soak: .venv/ready  ## the whole service left alone for an hour of faults; MINUTES=10, DATABASE=postgres
	$(PY) -m benchmarks.soak --minutes $(MINUTES) --database $(DATABASE)
	TEST_DATABASE=sqlite $(PY) -m pytest -m soak -s -p no:randomly
	TEST_DATABASE=postgres $(PY) -m pytest -m soak -s -p no:randomly

bench: .venv/ready  ## how fast it is, beside a hand-written loop; mapping and pages; OPTIONS="--quick --only ..."
	$(PY) -m benchmarks $(OPTIONS)
	$(PY) -m benchmarks.mapping
	$(PY) -m benchmarks.pages

screenshots: .venv/ready browser  ## pictures of the pages, into docs/screenshots
	$(PY) -m docs.screenshots

secrets:  ## what docker-compose.yml keeps secret, as files, made once
	@$(PYTHON) -m dashboard.compose_secrets

messages: .venv/ready browser  ## collect the pages' texts for translation, and compile the translations
	cd integration && ../$(PY) -m django makemessages --locale ar --no-location --no-wrap
	cd integration && ../$(PY) -m django compilemessages

lint: .venv/ready  ## linters, formatter, types, import rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy dashboard integration tasks
	.venv/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check

format: .venv/ready  ## format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: help demo serve browser servers test soak bench screenshots secrets messages lint format
