"""Faults of the dispatcher and the master: see faults.py for what holds in all of them."""

import pytest

import faults_processes  # noqa: F401
from faults import Arena, of_family

pytestmark = pytest.mark.release  # the simulation has the dispatcher under sanitizers


@pytest.fixture(scope="module")
def arena():
    with Arena() as a:
        yield a


@pytest.mark.parametrize("fault", of_family("processes"), ids=lambda f: f.name)
def test_fault(arena, fault):
    """Each answer comes once, others keep their pace, nothing is left."""
    arena.suffer(fault)
