"""The constraint `one_unread_notice_of_a_subject` begins with the person, and counts them as well."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="notice", name="unread_notices_of_a_person"),
    ]
