"""`wrap`: a drop-in for the client that a program already has.

Begin at `wrapper.py`, which says for each method whose it is. `iterators.py` has what its iterating
methods return, `options.py` what else can be said to `wrap`.
"""

from telefast.client.iterators import BytesIter, MessagesIter
from telefast.client.wrapper import FastClient, wrap

__all__ = ["BytesIter", "FastClient", "MessagesIter", "wrap"]
