# The daily commands. `just` alone lists them.

default:
    @just --list

# install for development
install:
    python -m pip install -c constraints.txt -e '.[dev]'
    pre-commit install

# all tests, on all cores; or some: just test tests/test_money.py
test *arguments:
    pytest -n auto --dist loadscope {{ arguments }}

# the long proof: planted months of ten seeds, then 2,000 random months for each property; figures in the closing lines
prove:
    pytest --dist load -m prove tests/prove
    pytest --dist load --hypothesis-profile=prove --hypothesis-show-statistics tests/properties

# what CI's linters say
lint:
    ruff check .
    ruff format --check .
    mypy
    lint-imports
    nbstripout --verify --keep-id --keep-count notebooks/*.ipynb

# reformat, and fix what can be fixed
fix:
    ruff check --fix .
    ruff format .

# reconcile the sample month
sample:
    -recon-kit run 2026-10 --data data/sample --out reports

# regenerate the pages that follow from code
docs:
    python -m recon_kit.rules.document > docs/rules.md
    python -m recon_kit.sources.document > docs/sources.md

# time and memory against the floor and its peers: DuckDB, polars, fastexcel
bench orders="1000000":
    python -m benchmarks reconcile --orders {{ orders }}
    python -m benchmarks read
    python -m benchmarks xlsx

# everything a newcomer does, on a fresh copy in a fresh environment
ci:
    .ci/run
