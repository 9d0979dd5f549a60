"""The benchmark: codec × scene × goal, one JSON row each, and what a report makes of them.

    contenders (ours, peers, anyone's) ─┐
    scenes (files, folders, a module) ──┼─► plan ─► run ─► rows.jsonl + exhibits/ ─► report ─► page, figures, tables
    goals, or a preset of a paper ──────┘           │
                                                    └── every row measured in a process of its own

`contender` says what taking part means. `ours`, `peers` and `outside` do, the latter two mostly `tuned`, and `entrants`
knows them all. `measure` and `tasks` say what is measured, `run` does it, `papers` holds the tables of the papers, and
`report` draws. The page: `docs/benchmark.md`.
"""
