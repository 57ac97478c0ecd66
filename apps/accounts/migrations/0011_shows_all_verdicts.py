from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_public_profile"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="shows_all_verdicts",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
