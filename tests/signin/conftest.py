"""Fixtures of the sign-in's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from token_issuer import AUDIENCE, NAME, NOW, Clock, Issuer

from order_skills.settings import load
from order_skills.settings_http import HttpSettings
from order_skills.signin.verifier import Verifier

Settings = Callable[[str], HttpSettings]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer that answers."""
    with Issuer() as found:
        yield found


@pytest.fixture
def wall() -> Clock:
    """The time of day."""
    return Clock(NOW)


@pytest.fixture
def steady() -> Clock:
    """Seconds that pass."""
    return Clock(1_000.0)


@pytest.fixture
def http_settings(tmp_path: Path) -> Settings:
    """What a settings file of this text says of a service."""

    def read(text: str) -> HttpSettings:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return load({"ORDER_SKILLS_HOME": str(tmp_path)}).http

    return read


Verifiers = Callable[..., Verifier]


@pytest.fixture
def verifier_with(issuer: Issuer, wall: Clock, steady: Clock, http_settings: Settings) -> Verifiers:
    """A verifier for the issuer's tokens, with more settings of it."""

    def make(oauth: str = "", more: str = "") -> Verifier:
        text = (
            f'[http]\nurl = "{AUDIENCE}"\n[http.oauth]\nissuer = "{NAME}"\n'
            f'jwks_url = "{issuer.url}"\n{oauth}\n{more}'
        )
        return Verifier(http_settings(text), clock=wall, steady=steady)

    return make


@pytest.fixture
def verifier(verifier_with: Verifiers) -> Verifier:
    """A verifier for the issuer's tokens."""
    return verifier_with()
