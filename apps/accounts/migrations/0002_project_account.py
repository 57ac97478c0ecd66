"""The account that owns the project's recorded runs. Nobody signs in with it."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("accounts", "User").objects.get_or_create(
        handle="gradus",
        defaults={"email": "gradus@gradus.invalid", "password": "!", "is_active": False},
    )


def delete(apps, schema_editor):
    apps.get_model("accounts", "User").objects.filter(handle="gradus", email="gradus@gradus.invalid").delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(create, delete)]
