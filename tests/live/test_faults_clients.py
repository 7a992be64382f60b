"""Faults of clients: see faults.py for what holds in all of them."""

import pytest

import faults_clients  # noqa: F401
from faults import Arena, Cannot, of_family

pytestmark = pytest.mark.release  # the simulation has the dispatcher under sanitizers


@pytest.fixture(scope="module")
def arena():
    with Arena() as a:
        yield a


@pytest.mark.parametrize("fault", of_family("clients"), ids=lambda f: f.name)
def test_fault(arena, fault):
    """Each answer comes once, others keep their pace, nothing is left."""
    try:
        arena.suffer(fault)
    except Cannot as e:
        pytest.skip(str(e))
