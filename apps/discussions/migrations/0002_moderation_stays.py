"""The moderation log is only added to: what was done, and why, stays. The database itself refuses
the rest; references to what is gone may become NULL.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION discussions_moderation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    left_out discussions_moderationaction;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF current_setting('gradus.audit_truncate', true) = 'on' THEN  -- tests alone, which empty all tables
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        left_out := OLD;
        IF NEW.moderator_id IS NULL THEN
            left_out.moderator_id := NULL;
        END IF;
        IF NEW.person_id IS NULL THEN
            left_out.person_id := NULL;
        END IF;
        IF NEW.post_id IS NULL THEN
            left_out.post_id := NULL;
        END IF;
        IF NEW.thread_id IS NULL THEN
            left_out.thread_id := NULL;
        END IF;
        IF NEW IS NOT DISTINCT FROM left_out THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the moderation log is only added to' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER discussions_moderation_stays BEFORE UPDATE OR DELETE ON discussions_moderationaction
    FOR EACH ROW EXECUTE FUNCTION discussions_moderation_stays();
CREATE TRIGGER discussions_moderations_stay BEFORE TRUNCATE ON discussions_moderationaction
    FOR EACH STATEMENT EXECUTE FUNCTION discussions_moderation_stays();
"""
BACKWARD = """
DROP TRIGGER discussions_moderations_stay ON discussions_moderationaction;
DROP TRIGGER discussions_moderation_stays ON discussions_moderationaction;
DROP FUNCTION discussions_moderation_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("discussions", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
