"""Environment and TOML file → one frozen object. Nobody else reads the environment.

The environment wins over the file, but where a value can loosen what the owner wrote, the
stricter of the two holds, because a host gives its own environment to the server:

    read_only        true before false
    approval         always, above:1, above:2, …, never
    approval_doors   those that both allow
    approval_hours   the shorter
    approval_by      another before anyone
    limits           the lower

Importing this module loads nothing but the standard library, and little of that.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from order_skills import settings_values as values
from order_skills.errors import ConfigurationError
from order_skills.settings_addresses import checked_url
from order_skills.settings_file import read_config
from order_skills.settings_home import default_home
from order_skills.settings_http import HttpSettings, read_http
from order_skills.settings_platforms import KEY_VARIABLES, PLATFORMS, Platform
from order_skills.settings_source import Source
from order_skills.settings_stores import (
    StoreSettings,
    not_served,
    read_limits,
    read_store,
)
from order_skills.settings_values import (
    Approval,
    ApprovalBy,
    BadValue,
    Door,
    Limits,
    LogLevel,
    PersonalData,
    Secret,
    either,
)

__all__ = ["Approval", "Limits", "Secret", "Settings", "StoreSettings", "load"]

# The platforms that have an adapter in order_skills.stores.
SERVED = frozenset(PLATFORMS)

CONFIG_NAME = "config.toml"
LEDGER_NAME = "ledger.db"
# Never the real ledger, whoever opens it.
SANDBOX_LEDGER_NAME = "sandbox-ledger.db"
DEFAULT_APPROVAL_HOURS = 24.0
DEFAULT_EMBEDDED = ("clawver",)

_PREFIX = "ORDER_SKILLS_"
_POLICY = (
    "read_only",
    "approval",
    "approval_doors",
    "approval_hours",
    "approval_by",
    "max_refund_minor",
    "daily_refund_minor",
    "daily_refund_count",
    "personal_data",
    "requests_per_minute",
    "log",
    "ledger",
)
_FILE_SETTINGS = (*_POLICY, "trust_env", "approval_passphrase", "stores", "http", "tokens")
_VARIABLES = (
    f"{_PREFIX}HOME",
    *(_PREFIX + name.upper() for name in _POLICY),
    *(platform.url_variable for platform in PLATFORMS.values()),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the owner decided.

    Args:
        stores: by name; empty in a sandbox, and where no key was given.
        home: the folder of state, absolute. Whoever needs it makes it, with mode 0700.
        config: the TOML file that was read, None where there was none.
        ledger: a path for SQLite, or a `postgresql://` DSN, which is a secret.
        approval_hours: how long a request for approval waits.
        approval_by: who may approve in a host: anyone, or another principal than who asked.
        limits: for a store without limits of its own; `StoreSettings.limits` is what holds.
        requests_per_minute: our own limit for each store, None for none.
        sandbox: embedded stores are served instead of real ones, of the platforms `embedded`.
        trust_env: whether the environment's proxies are used; they would see the keys.
        approval_passphrase: its hash, where the owner set one: only the command approves then.
        telemetry: whether traces and metrics go to the collector that the environment names.
    """

    stores: tuple[StoreSettings, ...]
    home: Path
    config: Path | None
    ledger: Path | Secret
    read_only: bool
    approval: Approval
    approval_doors: frozenset[Door]
    approval_hours: float
    approval_by: ApprovalBy
    limits: Limits
    personal_data: PersonalData
    requests_per_minute: int | None
    log: LogLevel
    sandbox: bool
    trust_env: bool
    approval_passphrase: str | None
    telemetry: bool = False
    embedded: tuple[str, ...] = ()
    http: HttpSettings = field(default_factory=HttpSettings)

    def secrets(self) -> tuple[str, ...]:
        """Every secret in plain text, for whoever keeps them out of the logs."""
        held = [s for store in self.stores for s in (store.key, *store.webhook_secrets)]
        held += self.http.state_keys
        held += [self.ledger] if isinstance(self.ledger, Secret) else []
        return tuple(secret.reveal() for secret in held)


def load(
    environ: Mapping[str, str],
    config: Path | None = None,
    *,
    sandbox: bool = False,
    embedded: Sequence[str] = DEFAULT_EMBEDDED,
    served: frozenset[str] = SERVED,
) -> Settings:
    """Read the settings of one process.

    A key in the environment activates the store named after its platform; where the file has
    a store of that name, the two are one store, and the environment's key wins over the file's.
    In a sandbox, keys are ignored, and so is the file unless it was named.

    Args:
        environ: the environment.
        config: the TOML file, which must exist then; else `config.toml` of the home, if there.
        embedded: the platforms of a sandbox's stores, which bear their names.
        served: the platforms that can be used.

    Raises:
        ConfigurationError: naming the setting and the mend, never a value.
    """
    environment = _environment(environ)
    home = environment.get("home", values.absolute_path) or default_home(environ)
    read = config is not None or not sandbox
    path, file = _file(config, home) if read else (None, Source({}, str))
    mine, owners = _Said.by(environment), _Said.by(file)
    found = () if sandbox else _stores(environ, path, file, served)
    return Settings(
        stores=tuple(
            replace(store, limits=mine.limits.lower(store.limits.or_else(owners.limits)))
            for store in found
        ),
        home=home,
        config=path,
        ledger=home / SANDBOX_LEDGER_NAME
        if sandbox
        else mine.ledger or owners.ledger or home / LEDGER_NAME,
        read_only=either(mine.read_only, owners.read_only, operator.or_) or False,
        approval=either(mine.approval, owners.approval, _stricter_approval) or Approval(),
        approval_doors=either(mine.doors, owners.doors, operator.and_)
        or frozenset(("host", "command")),
        approval_hours=either(mine.hours, owners.hours, min) or DEFAULT_APPROVAL_HOURS,
        approval_by=either(mine.approval_by, owners.approval_by, min) or "anyone",
        limits=mine.limits.lower(owners.limits),
        personal_data=mine.personal_data or owners.personal_data or "masked",
        requests_per_minute=mine.requests_per_minute or owners.requests_per_minute,
        log=mine.log or owners.log or "warning",
        sandbox=sandbox,
        trust_env=file.get("trust_env", values.flag) or False,
        approval_passphrase=file.get("approval_passphrase", values.passphrase_hash),
        # OpenTelemetry's own variable, and its SDK reads the rest of them.
        telemetry=bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()),
        embedded=tuple(dict.fromkeys(embedded)) if sandbox else (),
        http=read_http(path, file, frozenset(embedded if sandbox else (s.name for s in found))),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What one source says; None where it is silent."""

    read_only: bool | None
    approval: Approval | None
    doors: frozenset[Door] | None
    hours: float | None
    approval_by: ApprovalBy | None
    limits: Limits
    personal_data: PersonalData | None
    requests_per_minute: int | None
    log: LogLevel | None
    ledger: Path | Secret | None

    @classmethod
    def by(cls, source: Source) -> "_Said":
        return cls(
            read_only=source.get("read_only", values.flag),
            approval=source.get("approval", values.approval),
            doors=source.get("approval_doors", values.doors),
            hours=source.get("approval_hours", values.hours),
            approval_by=source.get("approval_by", values.one_of(values.APPROVAL_BY)),
            limits=read_limits(source),
            personal_data=source.get("personal_data", values.one_of(values.PERSONAL_DATA)),
            requests_per_minute=source.get("requests_per_minute", values.requests_per_minute),
            log=source.get("log", values.one_of(values.LOG_LEVELS)),
            ledger=source.get("ledger", values.ledger),
        )


def _environment(environ: Mapping[str, str]) -> Source:
    for name in environ:
        # One letter short of ours, a limit would be overlooked in silence.
        if name.startswith("ORDER_SKILL_"):
            meant = name.replace("ORDER_SKILL_", _PREFIX, 1)
            raise ConfigurationError(name, f"is no setting; did you mean {meant}?")
    ours = {name: value for name, value in environ.items() if name.startswith(_PREFIX)}
    named = Source(ours, str)
    named.refuse_others(_VARIABLES)
    for platform in PLATFORMS.values():
        named.get(platform.url_variable, checked_url)
    return Source(
        {name.removeprefix(_PREFIX).lower(): value for name, value in ours.items()},
        lambda name: _PREFIX + name.upper(),
    )


def _file(config: Path | None, home: Path) -> tuple[Path | None, Source]:
    path = (config or home / CONFIG_NAME).absolute()
    tables = read_config(path)
    if tables is None:
        if config is not None:
            raise ConfigurationError("--config", f"there is no file {path}")
        return None, Source({}, str)
    file = Source(tables, lambda name: f"{name} in {path}")
    file.refuse_others(_FILE_SETTINGS)
    return path, file


def _stores(
    environ: Mapping[str, str], path: Path | None, file: Source, served: frozenset[str]
) -> list[StoreSettings]:
    tables = file.get("stores", _tables) or {}
    for name, platform in PLATFORMS.items():
        _no_id_alone(platform, environ, tables.get(name, {}).get("platform") == name)
        if platform.key_variable in environ:
            if name not in served:
                raise ConfigurationError(platform.key_variable, not_served(name, served))
            table = tables.setdefault(name, {})
            if table.setdefault("platform", name) != name:
                problem = f"is the name of a store in the file, which is not {platform.title}'s"
                raise ConfigurationError(platform.key_variable, f"{name} {problem}; rename it")
    keyless = {name: value for name, value in environ.items() if name not in KEY_VARIABLES}
    found = []
    for name, table in sorted(tables.items()):
        source = Source(table, partial("stores.{1}.{2} in {0}".format, path, name))
        own = table.get("platform") == name
        found.append(read_store(name, source, environ if own else keyless, served))
    return found


def _no_id_alone(platform: Platform, environ: Mapping[str, str], in_file: bool) -> None:
    variable = platform.store_id_variable
    if variable is None or variable not in environ or in_file:
        return
    if platform.key_variable not in environ:
        raise ConfigurationError(
            platform.key_variable, f"is missing, while {variable} is set; set both or neither"
        )


def _tables(value: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict) or not all(isinstance(t, dict) for t in value.values()):
        raise BadValue("must hold tables, one for each store: [stores.NAME]")
    if not all(values.is_store_name(name) for name in value):
        raise BadValue("a store's name is 1 to 32 of a-z, 0-9, _ and -, and begins with a letter")
    return {name: dict(table) for name, table in value.items()}


def _stricter_approval(one: Approval, other: Approval) -> Approval:
    return min(one, other, key=lambda approval: approval.leniency)
