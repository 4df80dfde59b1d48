#!/bin/sh
# Compiles one locked requirements file per environment, with hashes and without addresses.
set -eu
cd "$(dirname "$0")/.."
compile() {
  out=$1; shift
  "$UV" pip compile --quiet --universal --python-version 3.10 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header "$@" pyproject.toml -o "requirements/$out"
}
compile dev.txt --extra bigquery --extra duckdb --extra postgres --extra redshift --extra snowflake --extra sandbox --group dev
# What users' plugins run is what our tests ran.
compile penstock.txt --extra duckdb --extra postgres --extra redshift --extra sandbox -c requirements/dev.txt
# Snowflake's driver brings much that no other plugin needs.
compile snowflake.txt --extra snowflake -c requirements/dev.txt
# And so do Google's clients.
compile bigquery.txt --extra bigquery -c requirements/dev.txt
for group in meltano dbt bigquery-emulator foreign-tap-postgres foreign-target-jsonl foreign-drt; do
  "$UV" pip compile --quiet --universal --python-version 3.10 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header --group $group -o "requirements/$group.txt"
done
