"""Smaller networks: what is removed, when, and how what is left is tuned.

    weights ─► networks ─► groups ─► criteria ─► choice ─► removed ─► tuning ─► weights
                                        schedules: how much, when ─────┘

- `networks`: what has to be known of each network; `groups`: channels that stand and fall together.
- `criteria`: how much each weight matters; `choice`: which go, so that a share of the parameters is gone.
- `schedules`, `masks`, `tuning`: pruning while the network learns, and learning from the network that it was.
- `lowrank`: layers as two thin ones; `eight`: weights in eight bits; `counts`, `quality`, `figure`: what came of it.
"""
