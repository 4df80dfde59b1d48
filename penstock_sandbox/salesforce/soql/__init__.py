"""SOQL: statements, their conditions, their results."""
