"""What `doctor` looks at where a team is served: sign-ins, replicas, the issuer's keys."""

import asyncio
from collections.abc import Iterator
from typing import Literal

from order_skills import replicas
from order_skills.errors import ConfigurationError
from order_skills.settings import Settings


def service(found: Settings) -> Iterator[tuple[Literal["ok", "fail", "note"], str, str]]:
    """A line for each thing that a service needs; none where there is no `[http]` to serve by."""
    http = found.http
    try:
        replicas.check(found)
    except ConfigurationError as error:
        yield "fail", "replicas", str(error)
    else:
        if http.replicas > 1:
            yield "ok", "replicas", f"{http.replicas}, and what they share is in PostgreSQL"
    if http.tokens:
        names = ", ".join(sorted(token.name for token in http.tokens))
        yield "ok", "tokens", f"{len(http.tokens)}: {names}"
    if http.oauth is not None:
        from order_skills.signin.keys import IssuerKeys

        keys = IssuerKeys(http.oauth.jwks_url, http.oauth.algorithms)
        problem = asyncio.run(keys.problem())
        if problem is None:
            yield "ok", "issuer", f"the keys of {http.oauth.issuer} can be had"
        else:
            where = f"{http.oauth.jwks_url}; check http.oauth.jwks_url and this machine's network"
            yield "fail", "issuer", f"{problem} ({where})"
    if found.approval_by == "another" and not http.signs_in:
        yield (
            "note",
            "approval by",
            "another, but nobody signs in, so no host can tell two people apart: "
            "refunds are approved in a terminal alone",
        )
    if http.signs_in and not http.hosts:
        yield (
            "note",
            "hosts",
            "no name is set: only this machine's clients are served; set http.url or http.hosts",
        )
