"""Every write of `archives`, by noun: `services.exports.order(...)`.

- `exports`: an archive is ordered, made by housekeep, downloaded, deleted
- `imports`: a file is uploaded, read by housekeep, confirmed, taken by housekeep, or discarded
"""

from apps.archives.services import exports, imports

__all__ = ["exports", "imports"]
