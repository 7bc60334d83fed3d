"""Addresses in settings: https, or http where it cannot leave this machine.

Everything else that a URL may hold is refused: what is not written cannot be misread.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from order_skills.settings_values import BadValue, is_host_name, text

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*/?")
_HOST = re.compile(r"(?P<name>[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:(?P<port>[0-9]{1,5}))?")


def checked_url(value: object) -> str:
    """The origin of a base URL, in the one form that the ledger tells stores apart by."""
    origin, path = _parts(value)
    if path not in ("", "/"):
        raise BadValue("must be given without a path; the version path is added to it")
    return origin


def checked_address(value: object) -> str:
    """A whole address, whose scheme, host and port are in the one form that clients send."""
    return "".join(_parts(value))


def exact_address(value: object) -> str:
    """A whole address exactly as it is written, because others compare it letter by letter."""
    _parts(value)
    return text(value)


def checked_origin(value: str) -> str:
    """What an Origin header may say, exactly as browsers send it."""
    origin, _ = _parts(value)
    if origin != value:
        raise BadValue("must hold origins as browsers send them, such as https://chat.example.com")
    return origin


def checked_host(value: str) -> str:
    """What a Host header may say: a name or an IP address, and a port if it is not the usual."""
    found = _HOST.fullmatch(value)
    if found is None or not 0 < int(found["port"] or 1) <= 65_535:
        raise BadValue("must hold names as clients write them, such as orders.example.com")
    name = found["name"]
    address = _ip(name.strip("[]"))
    is_v6 = isinstance(address, ipaddress.IPv6Address)
    if is_v6 != name.startswith("[") or (address is None and not is_host_name(name)):
        raise BadValue("must hold names as clients write them, such as orders.example.com")
    return value


def _parts(value: object) -> tuple[str, str]:
    """The origin in its one form, and the path as it is."""
    given = text(value)
    if not given.isascii() or any(c in given for c in " \\%?#"):
        raise BadValue("must be an address in plain ASCII, such as https://api.example.com")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadValue("is not a URL") from None
    if parts.scheme not in ("https", "http"):
        raise BadValue("must begin with https://")
    if "@" in parts.netloc:
        raise BadValue("must not hold a user or password")
    if port == 0 or parts.netloc.endswith(":") or host is None:
        raise BadValue("must name a host, and a port from 1 to 65535 if any")
    address = _ip(host)
    if address is None and (not is_host_name(host) or "[" in given):
        raise BadValue("does not name a host")
    if parts.scheme == "http" and not _is_loopback(host, address):
        raise BadValue("must begin with https://; http is for 127.0.0.1, [::1] and localhost only")
    if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise BadValue("holds a path that programs read differently")
    shown = f"[{host}]" if ":" in host else host
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{shown}" + ("" if port in (None, default) else f":{port}"), parts.path


def _ip(host: str) -> _IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, address: _IP | None) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return host == "localhost" if address is None else address == ipaddress.IPv6Address("::1")
