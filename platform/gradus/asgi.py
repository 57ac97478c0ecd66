"""The site's entry: `PYTHONPATH=platform uvicorn gradus.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
application = get_asgi_application()
