"""Intercom, simulated: contacts, companies, attributes, tags, events, custom objects."""
