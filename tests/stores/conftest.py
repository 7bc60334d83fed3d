"""What the contract suite of the stores shares: each platform in turn, and a store of it."""

from collections.abc import AsyncIterator

import pytest
from platforms import PLATFORMS, Platform, store_of

from order_skills.sandbox import Sandbox
from order_skills.stores.base import Store


@pytest.fixture(params=PLATFORMS, ids=str)
def platform(request: pytest.FixtureRequest) -> Platform:
    """Every platform, unless a test is run for those alone that can do something."""
    found: Platform = request.param
    return found


@pytest.fixture
def box(platform: Platform) -> Sandbox:
    """The platform's embedded store."""
    return platform.box()


@pytest.fixture
async def store(platform: Platform, box: Sandbox) -> AsyncIterator[Store]:
    """The platform's adapter over it."""
    opened = store_of(platform, box)
    yield opened
    await opened.aclose()
