"""Crash and fault tests too long for `make test`: `make crash`. The same seed tells the same story again."""
