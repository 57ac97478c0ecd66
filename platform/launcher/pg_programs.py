"""PostgreSQL's client programs: which of them fit a server, and a dump made or restored by them.

`pg_dump` refuses a server that is newer than itself, and `pg_restore` a dump that is. So programs
of the server's own version are taken if there are any, else the nearest newer ones.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any

from launcher.embedded import wheel_folder
from launcher.processes import end_with_us
from launcher.say import Problem

CHUNK_BYTES = 1 << 20
TAIL_LINES = 8
# which pg_restore 17 and newer print first, and servers older than that refuse
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
END_OF_PREAMBLE = b"SET row_security = off;\n"


@dataclass(frozen=True)
class Programs:
    """pg_dump, pg_restore and psql of one version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        return f"{self.version} in {self.folder}"


def known() -> list[Programs]:
    """Return the programs of PostgreSQL's wheel, and those on PATH."""
    on_path = shutil.which("pg_dump")
    folders = [wheel_folder() / "pginstall/bin", *([Path(on_path).parent] if on_path else [])]
    return [programs for folder in folders if (programs := _in(folder))]


def fitting(server_major: int, dump_major: int = 0) -> Programs:
    """Return programs for a server, and for a dump that `pg_dump` of `dump_major` made.

    Raises:
        Problem: all are too old.
    """
    least = max(server_major, dump_major)
    programs = known()
    fit = [candidate for candidate in programs if candidate.major >= least]
    if not fit:
        what = f"the server is PostgreSQL {server_major}"
        if dump_major > server_major:
            what = f"the backup was made by pg_dump {dump_major}"
        raise Problem(
            f"PostgreSQL's client programs here are too old: {what}, and there are "
            f"{', and '.join(map(str, programs)) or 'none'}.",
            f"install those of PostgreSQL {least} (Debian, Ubuntu: apt install "
            f"postgresql-client-{least}), and put their folder first on PATH.",
        )
    return min(fit, key=lambda candidate: candidate.major)


def server_version(url: str) -> str:
    """Return a server's version, such as 18.6.

    Raises:
        Problem: it does not answer.
    """
    from launcher.database import connected

    with connected(url) as connection:
        major, minor = divmod(connection.info.server_version, 10_000)
        return f"{major}.{minor}"


@contextlib.contextmanager
def dumping(url: str, programs: Programs, snapshot: str) -> Iterator[IO[bytes]]:
    """Yield the dump of a database in PostgreSQL's custom format, to be read to its end.

    Args:
        snapshot: of pg_export_snapshot; what was committed before it is in the dump.
    Raises:
        Problem: pg_dump failed.
    """
    target, secrets = _connection(url)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [
                *(programs.folder / "pg_dump", "--format=custom", "--no-owner", "--no-privileges"),
                # a comment on an extension could be restored by the extension's owner alone
                *("--no-comments", "--no-password", f"--snapshot={snapshot}"),
                f"--dbname={target}",
            ],
            env=os.environ | secrets,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=end_with_us(),
        )
        assert process.stdout
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode:
            raise Problem(f"pg_dump failed:\n{_tail(errors)}", "run ./gradus doctor.")


def restore(dump: IO[bytes], url: str, programs: Programs, check: str, server_major: int) -> None:
    """Restore a dump into an empty database, in one transaction that ends with `check`: all of it,
    or nothing.

    Args:
        check: an SQL statement that fails if the result is not what it should be.
    Raises:
        Problem: it could not be restored, or `check` failed. Then the database is as it was.
    """
    target, secrets = _connection(url)
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile() as restore_errors, tempfile.TemporaryFile() as psql_errors:
        source = subprocess.Popen(
            [programs.folder / "pg_restore", "--no-owner", "--no-privileges", "--file=-"],
            stdin=pipe,
            stdout=pipe,
            stderr=restore_errors,
            preexec_fn=end_with_us(),
        )
        psql = subprocess.Popen(
            [
                *(programs.folder / "psql", "--no-psqlrc", "--quiet", "--no-password"),
                *("--set=ON_ERROR_STOP=1", f"--dbname={target}", "--file=-"),
            ],
            env=os.environ | secrets,
            stdin=pipe,
            stdout=subprocess.DEVNULL,
            stderr=psql_errors,
            preexec_fn=end_with_us(),
        )
        feeder = Thread(target=_feed, args=(dump, source.stdin))
        feeder.start()
        try:
            _pass_on(source, psql, check, server_major)
        except BaseException:
            psql.kill()  # without COMMIT nothing of it stays
            raise
        finally:
            source.kill()
            feeder.join()
            for stream in (source.stdout, psql.stdin):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()  # type: ignore[union-attr]
            psql.wait()
            source.wait()
        if psql.returncode or source.returncode:
            errors = psql_errors if psql.returncode else restore_errors
            raise Problem(
                f"The database could not be restored:\n{_tail(errors)}",
                "nothing was changed. If the disk is full, free some space; otherwise use another "
                "backup.",
            )


def _pass_on(
    source: subprocess.Popen[bytes], psql: subprocess.Popen[bytes], check: str, server_major: int
) -> None:
    """Pass SQL from pg_restore to psql, and commit only what is complete and passes `check`."""
    assert source.stdout and psql.stdin
    with contextlib.suppress(BrokenPipeError):  # psql has ended: its status says why
        psql.stdin.write(b"BEGIN;\n")
        for line in iter(source.stdout.readline, b""):
            if server_major >= 17 or line != UNKNOWN_BEFORE_17:
                psql.stdin.write(line)
            if line == END_OF_PREAMBLE:
                break
        shutil.copyfileobj(source.stdout, psql.stdin, CHUNK_BYTES)
        if source.wait() == 0:
            psql.stdin.write(f"\n{check};\nCOMMIT;\n".encode())
    with contextlib.suppress(BrokenPipeError):
        psql.stdin.close()
    psql.wait()


def _feed(dump: IO[bytes], into: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # pg_restore has ended
        try:
            shutil.copyfileobj(dump, into, CHUNK_BYTES)
        finally:
            into.close()


def _in(folder: Path) -> Programs | None:
    try:
        output = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+\.\d+|\d+)", output)
    complete = all((folder / name).exists() for name in ("pg_restore", "psql"))
    return Programs(folder, version[1]) if version and complete else None


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """Return what to connect to, and environment variables with the password: every account can
    read a program's arguments.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        options: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise Problem("DATABASE_URL is no URL of a database.", str(error).strip()) from None
    password = options.pop("password", None)
    return make_conninfo(**options), {"PGPASSWORD": str(password)} if password else {}


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()[-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (no output)"
