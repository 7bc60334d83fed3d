"""A proxy before PostgreSQL that cuts the connection at COMMIT, before it or after it."""

import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from typing import Literal

_COMMIT = b"COMMIT\0"

Cut = Literal["before", "after"]


class CuttingProxy:
    """Listens on a socket file beside the server's own; forwards, until it is told to cut.

    Attributes:
        cut: what to do at the next COMMIT; then everything flows again.
        at: what to cut at instead, of what a client says.
        closed: whether new connections are refused.
        seen: what the clients said.
    """

    def __init__(self, server: Path) -> None:
        self.cut: Cut | None = None
        self.at = _COMMIT
        self.closed = False
        self.seen = b""
        self._server = str(server / ".s.PGSQL.5432")
        self._folder = tempfile.TemporaryDirectory(prefix="cut-")
        self.folder = Path(self._folder.name)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.closed:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._open += [client, server]
                for pump in (self._to_server, self._to_client):
                    thread = threading.Thread(target=pump, args=(client, server))
                    self._threads.append(thread)
                    thread.start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                self.seen += data
                if self.cut == "before" and self.at in data:
                    self.cut = None
                    break
                server.sendall(data)
        _shut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                # The server's own word that it has committed: CommandComplete.
                if self.cut == "after" and _COMMIT in data:
                    self.cut = None
                    break
                client.sendall(data)
        _shut(client, server)

    def close(self) -> None:
        """End everything."""
        _shut(self._listener, *self._open)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._open):
            end.close()
        self._folder.cleanup()


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
