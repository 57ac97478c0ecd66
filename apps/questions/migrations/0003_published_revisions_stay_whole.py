from django.db import migrations

# A published revision cannot lose a text, give one away, or be deleted: attempts refer to it.
FORWARD = """
CREATE OR REPLACE FUNCTION questions_text_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND questions_without_html(to_jsonb(OLD)) = questions_without_html(to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM questions_revision WHERE id IN (OLD.revision_id, NEW.revision_id) AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a published revision never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
CREATE FUNCTION questions_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'a published revision never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER questions_text_is_kept BEFORE DELETE ON questions_revisiontext FOR EACH ROW EXECUTE FUNCTION questions_text_is_immutable();
CREATE TRIGGER questions_revision_is_kept BEFORE DELETE ON questions_revision
    FOR EACH ROW EXECUTE FUNCTION questions_keep_published();
"""
BACKWARD = """
DROP TRIGGER questions_text_is_kept ON questions_revisiontext;
DROP TRIGGER questions_revision_is_kept ON questions_revision;
DROP FUNCTION questions_keep_published();
"""


class Migration(migrations.Migration):
    dependencies = [("questions", "0002_published_revisions_stay")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
