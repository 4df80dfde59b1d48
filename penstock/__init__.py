"""Penstock: reverse ETL for Meltano and Singer. This package is the delivery core; it knows no vendor."""

from importlib.metadata import version

__version__ = version("penstock")
__all__ = ["__version__"]
