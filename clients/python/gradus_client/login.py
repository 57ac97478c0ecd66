"""Signing in without a password in the program: the person approves it on the site (RFC 8628)."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence

from gradus_client.errors import Away, ConnectionFailed, DeviceLoginRefused
from gradus_client.models import Device, DeviceToken
from gradus_client.transport import Transport

LEARNER_SCOPES = ("read", "study", "run", "post")
MAX_NAME = 60
MAX_WAIT = 60.0  # seconds between two requests for the token


def program_name() -> str:
    """Return what the person will know this program by."""
    return f"gradus on {platform.node() or 'this machine'}"[:MAX_NAME]


def sign_in(
    transport: Transport,
    show: Callable[[Device], None],
    *,
    name: str = "",
    scopes: Sequence[str] = LEARNER_SCOPES,
) -> DeviceToken:
    """Ask to be signed in, and wait until the person has approved it.

    Args:
        show: tells the person the code and the address.
    Raises:
        DeviceLoginRefused: it was denied, or took more than ten minutes.
        Away, ConnectionFailed: the site could not be reached any more until then.
    """
    body = {"name": name or program_name(), "scopes": list(scopes)}
    device = transport.read(Device, "POST", "device", body=body)
    show(device)
    wait, waited = float(device.interval), 0.0
    while True:
        transport.sleep(wait)
        waited += wait
        try:
            return transport.read(
                DeviceToken, "POST", "device/token", body={"device_code": device.device_code}
            )
        except DeviceLoginRefused as refused:
            if refused.code not in ("authorization-pending", "slow-down"):
                raise
            wait = max(refused.retry_after or 0.0, float(device.interval))
        except (Away, ConnectionFailed):  # asked less often then (RFC 8628, 3.5)
            if waited + (wait := min(2 * wait, MAX_WAIT)) > device.expires_in:
                raise
