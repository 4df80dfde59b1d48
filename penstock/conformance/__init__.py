"""A conformance suite for Singer targets: one test per fault that a delivery must survive, and an oracle.

    from penstock.conformance.suite import TargetConformance

    class TestMine(TargetConformance):
        adapter = MyAdapter()

The target runs as a process between an input that the suite writes and a proxy of the suite that injects faults at
exact places. What the server behind it has stored, and the history of the writes that were applied, are the oracle;
nothing that the target says about itself is believed. `adapter.Adapter` is what a target's author writes.

Nothing here imports the rest of Penstock, so it serves any Singer target. Only `suite` needs pytest:
`pip install penstock[conformance]`.
"""
