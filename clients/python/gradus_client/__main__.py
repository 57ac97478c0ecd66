"""`python -m gradus_client` is `gradus`."""

from gradus_client.cli import entry

entry()
