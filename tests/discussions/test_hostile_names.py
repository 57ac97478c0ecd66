"""Names that would spoof or break a page are refused as handles."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from tests.discussions.test_hostile_posts_in_a_browser import SHOWN, TITLES

pytestmark = [pytest.mark.attack, pytest.mark.django_db]


def test_hostile_names_are_no_handles() -> None:
    person = User(email="mallory@example.org")
    for handle in [*TITLES, SHOWN, "a\n", "\u202ea", "Mallоry", "<b>", "a b", "'or'1", "a" * 31]:
        person.handle = handle
        with pytest.raises(ValidationError) as refused:
            person.clean_fields()
        assert "handle" in refused.value.message_dict
