from django.db import migrations

# The state of a card is the fold of its log: a changed row would change the card without a trace.
FORWARD = """
CREATE FUNCTION progress_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log of reviews is added to, never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER progress_log_stays BEFORE UPDATE ON progress_review FOR EACH ROW EXECUTE FUNCTION progress_log_stays();
"""
BACKWARD = """
DROP TRIGGER progress_log_stays ON progress_review;
DROP FUNCTION progress_log_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("progress", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
