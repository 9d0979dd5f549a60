"""Trellis-coded quantisation of wavelet subbands, and a context coder that looks across components.

subbands ─► expected magnitudes ─► trellis ─► indices ─► range coder ─► bytes
                   ▲                                         │
                   └────────── learned costs of indices ◄────┘
"""
