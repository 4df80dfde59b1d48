"""Bulk API 2.0 and Bulk API v1: jobs, their files, and the quick way through a million rows."""
