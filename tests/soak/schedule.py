"""Which fault comes when: by a seed, which repeats it."""

import random

PAUSE_S = 0.5  # between two faults, at most


def schedule(seed, faults):
    """
    Without end: (seconds of peace, fault). All of them come before one comes
    again, in an order that is another each time.
    """
    rng = random.Random(seed)
    while True:
        order = list(faults)
        rng.shuffle(order)
        for f in order:
            yield rng.random() * PAUSE_S, f
