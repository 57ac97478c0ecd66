"""Forms of archives."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class UploadForm(forms.Form):
    """A file to import. What is in it is found out in the background."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("An .apkg of Anki, or an archive that Gradus made (.zip), up to 50 MB."),
        widget=forms.FileInput(attrs={"accept": ".apkg,.zip"}),
        error_messages={"required": _("Choose a file, then send it.")},
    )
