"""A minute of the soak: `python -m tests.benchmarks.soak` runs ten."""

import sys

import pytest

from tests.benchmarks import soak

# The server has two seconds to spare before its own deadline; a machine under load needs more.
HOSTS_GIVE_UP_SECONDS = 60.0


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="the probe answers a signal of POSIX")
async def test_a_store_that_fails_in_every_way_hangs_no_call_and_is_never_asked_twice() -> None:
    seen = await soak.soak(minutes=1.0, deadline=HOSTS_GIVE_UP_SECONDS)
    assert seen.wrong == []
    # The faults were met, and refunds went through all the same.
    assert seen.posts
    assert seen.refunded
    assert any("STORE_UNAVAILABLE" in answer for answer in seen.answers)
