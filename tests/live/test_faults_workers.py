"""Faults of workers: see faults.py for what holds in all of them."""

import pytest

import faults_workers  # noqa: F401
from faults import Arena, of_family


@pytest.fixture(scope="module")
def arena():
    with Arena() as a:
        yield a


@pytest.mark.parametrize("fault", of_family("workers"), ids=lambda f: f.name)
def test_fault(arena, fault):
    """Each answer comes once, others keep their pace, nothing is left."""
    arena.suffer(fault)
