"""An issuer's public keys: fetched where the settings say, kept for a while, and asked for rarely.

    age of the keys      a key that is known        a key that is not
    under 5 minutes      used                       fetched again, at most every 30 s
    5 minutes to 1 hour  fetched again; where that  fetched again, at most every 30 s
                         fails, used
    above 1 hour, none   fetched again, at most every 5 s; where that fails, KeysUnavailable

A key that is still unknown after the issuer answered is no key of the issuer's. While the
issuer does not answer, nobody can say so, and that is `KeysUnavailable` as well.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import anyio
import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from order_skills import __version__, strict_json
from order_skills.http_client import is_distrusted

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
# As long as an issuer may be down. A key that it withdrew counts no longer than this.
USABLE_SECONDS = 3_600.0
# A flood of tokens with invented key ids is no flood of requests to the issuer.
APART_SECONDS = 30.0
APART_WITHOUT_KEYS_SECONDS = 5.0
FETCH_SECONDS = 5.0
# An issuer has a handful of keys of some 2 KB each.
MAX_BYTES = 262_144
# What NIST and every current issuer ask for; a shorter one can be factored.
MIN_RSA_BITS = 2_048

# Algorithm → the kind and the curve that its keys must have.
_KINDS: Mapping[str, tuple[str, str | None]] = {
    **{f"{family}{bits}": ("RSA", None) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
}

Keys = Mapping[tuple[str, str], jwt.PyJWK]


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had now, so no token of its can be judged: HTTP's 503.

    Args:
        retry_after: seconds after which it makes sense to ask again.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("the issuer's keys cannot be had now")
        self.retry_after = retry_after


class IssuerKeys:
    """The keys of one issuer.

    Args:
        url: of its JWKS document: https, or http on loopback.
        algorithms: those that its tokens may be signed with.
        clock: seconds of a clock that never goes back.
        patience: seconds until a fetch is given up.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        *,
        patience: float = FETCH_SECONDS,
    ) -> None:
        self._url = url
        self._patience = patience
        self._algorithms = tuple(algorithms)
        self._clock = clock
        self._keys: Keys = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def problem(self) -> str | None:
        """Fetch the keys now; why they cannot be used, None: they can."""
        return await self._read() or (None if self._keys else "it has no key of these algorithms")

    async def get(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id for this algorithm; None: the issuer has none.

        Raises:
            KeysUnavailable: whether it has one cannot be found out now.
        """
        if self._wants_a_fetch(kid, algorithm):
            # A task of its own, for which everybody waits: a client that goes away must not be
            # able to break off the others' fetch.
            if self._fetching is None:
                self._fetching = asyncio.create_task(self._fetch())
            await asyncio.shield(self._fetching)
        found = self._keys.get((kid, algorithm)) if self._usable() else None
        if found is None and (self._failed or not self._usable()):
            raise KeysUnavailable(self._apart())
        return found

    def _age(self) -> float | None:
        return None if self._read_at is None else self._clock() - self._read_at

    def _usable(self) -> bool:
        age = self._age()
        return age is not None and age < USABLE_SECONDS

    def _apart(self) -> float:
        return APART_SECONDS if self._usable() else APART_WITHOUT_KEYS_SECONDS

    def _wants_a_fetch(self, kid: str, algorithm: str) -> bool:
        age = self._age()
        if age is not None and age < FRESH_SECONDS and (kid, algorithm) in self._keys:
            return False
        return self._tried_at is None or self._clock() - self._tried_at >= self._apart()

    async def _fetch(self) -> None:
        try:
            problem = await self._read()
            self._failed = problem is not None
            if problem is not None:
                logger.warning("the issuer's keys could not be had: %s", problem)
        finally:
            self._tried_at, self._fetching = self._clock(), None

    async def _read(self) -> str | None:
        """Take over the issuer's present keys; why they could not be had, None: they are here."""
        with anyio.move_on_after(self._patience):
            try:
                self._keys = _keys_in(await self._document(), self._algorithms)
            except (_BadAnswer, strict_json.BadJson) as bad:
                return str(bad)
            # A hostile redirect makes the library fail outside of its own errors.
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
                if is_distrusted(error):
                    return "its certificate is not trusted on this machine"
                return "it could not be reached"
            self._read_at = self._clock()
            if not self._keys:
                logger.warning("the issuer has no key for %s", ", ".join(self._algorithms))
            return None
        return "it did not answer in time"

    async def _document(self) -> bytes:
        async with (
            # The environment's proxies could exchange the keys.
            httpx2.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=self._patience
            ) as client,
            client.stream(
                "GET",
                self._url,
                headers={
                    "Accept": "application/jwk-set+json, application/json",
                    # A compressed body can grow a thousandfold in one read.
                    "Accept-Encoding": "identity",
                    "User-Agent": f"order-skills/{__version__}",
                },
            ) as response,
        ):
            if response.status_code != 200:
                raise _BadAnswer(f"it answered {response.status_code}")
            body = bytearray()
            # As it came: a compressed body is no JSON.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _BadAnswer(f"its answer is larger than {MAX_BYTES} bytes")
            return bytes(body)


class _BadAnswer(Exception):
    pass


def _keys_in(document: bytes, algorithms: Sequence[str]) -> Keys:
    """The document's keys by id and algorithm; what is no key for us is passed over.

    Raises:
        BadJson: it cannot be relied on.
        _BadAnswer: it is no JWKS document.
    """
    value = strict_json.parse(document)
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise _BadAnswer("its answer is no list of keys")
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    for key in listed:
        for algorithm in algorithms:
            if isinstance(key, dict) and _is_for(key, algorithm):
                read = _read(key, algorithm)
                # Of two keys with one id the first counts: a choice, so that it is always one.
                if read is not None:
                    found.setdefault((key["kid"], algorithm), read)
    return found


def _is_for(key: Mapping[str, object], algorithm: str) -> bool:
    kind, curve = _KINDS[algorithm]
    operations = key.get("key_ops", ["verify"])
    return (
        isinstance(key.get("kid"), str)
        and key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        # A private key that the world can read proves nothing.
        and "d" not in key
    )


def _read(key: dict[str, object], algorithm: str) -> jwt.PyJWK | None:
    try:
        read = jwt.PyJWK(key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    short = isinstance(read.key, RSAPublicKey) and read.key.key_size < MIN_RSA_BITS
    return None if short else read
