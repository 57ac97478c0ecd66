"""Sessions before `accounts_session` do not say whose they are, and expired ones were never deleted: they
go with their table. Everybody signs in once more.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_session")]
    operations = [
        migrations.RunSQL(
            "DROP TABLE IF EXISTS django_session",
            """
            CREATE TABLE django_session (
                session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL
            );
            CREATE INDEX django_session_expire_date ON django_session (expire_date);
            """,
        )
    ]
