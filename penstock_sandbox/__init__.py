"""Simulated vendor APIs on loopback: the demo's destinations and the oracle of every test.

Wire shape, behaviour, error bodies and faults are separate files, and every behaviour says where it
was learnt (`provenance.py`). Nothing outside this package and the tests imports it: the targets know
it only as one more address.
"""
