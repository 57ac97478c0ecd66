"""A client of Gradus: study, predict and run from Python and from the terminal."""

from gradus_client.client import Client
from gradus_client.discussions import Thread
from gradus_client.errors import (
    Away,
    BadAnswer,
    BadDownload,
    Changed,
    ConnectionFailed,
    DeviceLoginRefused,
    Forbidden,
    GradusError,
    InsecureAddress,
    Invalid,
    KeyReused,
    MissingExtra,
    NotAuthorised,
    NotFound,
    NotSignedIn,
    NotUnderstood,
    Refused,
    RunsNotShared,
    ScopeMissing,
    TooMany,
    VerdictHidden,
)
from gradus_client.events import PointsCame, PointsReset, StateChanged
from gradus_client.labs import Lab, Prediction, Run
from gradus_client.points import Points
from gradus_client.transport import Pages

__all__ = [
    "Away",
    "BadAnswer",
    "BadDownload",
    "Changed",
    "Client",
    "ConnectionFailed",
    "DeviceLoginRefused",
    "Forbidden",
    "GradusError",
    "InsecureAddress",
    "Invalid",
    "KeyReused",
    "Lab",
    "MissingExtra",
    "NotAuthorised",
    "NotFound",
    "NotSignedIn",
    "NotUnderstood",
    "Pages",
    "Points",
    "PointsCame",
    "PointsReset",
    "Prediction",
    "Refused",
    "Run",
    "RunsNotShared",
    "ScopeMissing",
    "StateChanged",
    "Thread",
    "TooMany",
    "VerdictHidden",
]
