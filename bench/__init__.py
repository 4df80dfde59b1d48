"""Benchmarks: `make bench`. Every figure in RESULTS.md comes out of these modules; nothing is typed in."""
