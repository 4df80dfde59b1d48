"""Rows of a warehouse as Singer messages: configured models, one small module per warehouse."""
