"""The cache lives in the database: limits on tries read it, and must not depend on Redis."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("common", "0001_gradus_now")]
    operations = [
        migrations.RunSQL(
            """
            CREATE TABLE cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
            CREATE INDEX cache_expires ON cache (expires);
            """,
            "DROP TABLE cache",
        )
    ]
