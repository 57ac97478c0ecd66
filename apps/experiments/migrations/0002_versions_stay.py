from django.db import migrations

# A run's page shows the code that measured it: code that was changed would belie old runs, unseen.
FORWARD = """
CREATE FUNCTION experiments_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a lab never changes; other code is another version'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER experiments_version_stays BEFORE UPDATE ON experiments_labversion
    FOR EACH ROW EXECUTE FUNCTION experiments_version_stays();
"""
BACKWARD = """
DROP TRIGGER experiments_version_stays ON experiments_labversion;
DROP FUNCTION experiments_version_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
