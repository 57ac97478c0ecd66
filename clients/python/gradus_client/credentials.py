"""Where tokens are kept: one file in the user's own folder, which nobody else may read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_path

from gradus_client.errors import GradusError, NotSignedIn
from gradus_client.transport import site_address
from gradus_client.words import tr

FOLDER_VARIABLE = "GRADUS_CONFIG"  # a folder, instead of the user's own
URL_VARIABLE, TOKEN_VARIABLE = "GRADUS_API_URL", "GRADUS_API_TOKEN"
FILE = "credentials.json"


class Site(msgspec.Struct):
    """A site, and the token for it."""

    url: str
    token: str = ""
    handle: str = ""
    allow_http: bool = False


class Stored(msgspec.Struct):
    default: str = ""
    sites: dict[str, Site] = {}


class Store:
    """The sites to which the user is signed in."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get(FOLDER_VARIABLE, "")
        self.folder = folder or (Path(chosen) if chosen else user_config_path("gradus"))
        self.path = self.folder / FILE

    def site(self, url: str = "") -> Site:
        """Return a site with its token, by default the one that was signed in to last. The
        environment wins: `GRADUS_API_URL` with `GRADUS_API_TOKEN`.

        Raises:
            NotSignedIn: there is none.
        """
        stored = self.read()
        wanted = url or os.environ.get(URL_VARIABLE, "") or stored.default
        if not wanted:
            raise NotSignedIn(tr("You are not signed in. Begin with: gradus login https://…"))
        address = site_address(wanted, allow_http=True)
        if token := os.environ.get(TOKEN_VARIABLE, ""):
            return Site(address, token)
        if address not in stored.sites:
            raise NotSignedIn(
                tr("You are not signed in to {url}. Try: gradus login {url}").format(url=address)
            )
        return stored.sites[address]

    def add(self, site: Site) -> None:
        """Keep a token, and use its site by default from now on."""
        stored = self.read()
        stored.sites[site.url] = site
        stored.default = site.url
        self._write(stored)

    def remove(self, url: str) -> None:
        stored = self.read()
        stored.sites.pop(url, None)
        if stored.default == url:
            stored.default = next(iter(stored.sites), "")
        self._write(stored)

    def read(self) -> Stored:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Stored)
        except FileNotFoundError:
            return Stored()
        except (OSError, msgspec.MsgspecError) as error:
            raise GradusError(
                tr("{path} cannot be read: {reason}").format(path=self.path, reason=error)
            ) from error

    def _write(self, stored: Stored) -> None:
        write_private(self.path, msgspec.to_builtins(stored))


def write_private(path: Path, data: Any) -> None:
    """Write JSON that only its owner can read, whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # made with mode 0600, whatever the umask is
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GradusError(
            tr("{path} cannot be written: {reason}").format(path=path, reason=error)
        ) from error
