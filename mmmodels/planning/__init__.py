"""Which samples a step trains on: a pure function of (view digests, weights, seed, step); the state is one integer."""

from mmmodels.planning.plan import Plan
from mmmodels.planning.pools import Pool

__all__ = ["Plan", "Pool"]
