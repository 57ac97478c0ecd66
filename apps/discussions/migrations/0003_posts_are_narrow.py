"""Texts, HTML and search vectors of posts are stored beside the table, as far as they are long: a
search for a common word then reads a tenth of the pages, since of each post that has the word it
needs the thread alone.
"""

from django.db import migrations

FORWARD = "ALTER TABLE discussions_post SET (toast_tuple_target = 128)"
BACKWARD = "ALTER TABLE discussions_post RESET (toast_tuple_target)"


class Migration(migrations.Migration):
    dependencies = [("discussions", "0002_moderation_stays")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
