from django.db import migrations

# Attempts refer to published revisions. HTML may be rendered again (a newer KaTeX); otherwise a published revision never
# changes, loses no text, gives none away, and is not deleted.
FORWARD = """
CREATE FUNCTION questions_without_html(fields jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(fields) WHERE key NOT LIKE '%html%'
$$;
CREATE FUNCTION questions_revision_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL AND questions_without_html(to_jsonb(OLD)) IS DISTINCT FROM questions_without_html(to_jsonb(NEW)) THEN
        RAISE EXCEPTION 'a published revision never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION questions_text_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER questions_revision_is_immutable BEFORE UPDATE ON questions_revision
    FOR EACH ROW EXECUTE FUNCTION questions_revision_is_immutable();
CREATE TRIGGER questions_text_is_immutable BEFORE INSERT OR UPDATE OR DELETE ON questions_revisiontext
    FOR EACH ROW EXECUTE FUNCTION questions_text_is_immutable();
CREATE TRIGGER questions_revision_is_kept BEFORE DELETE ON questions_revision
    FOR EACH ROW EXECUTE FUNCTION questions_keep_published();
"""
BACKWARD = """
DROP TRIGGER questions_revision_is_kept ON questions_revision;
DROP TRIGGER questions_text_is_immutable ON questions_revisiontext;
DROP TRIGGER questions_revision_is_immutable ON questions_revision;
DROP FUNCTION questions_keep_published();
DROP FUNCTION questions_text_is_immutable();
DROP FUNCTION questions_revision_is_immutable();
DROP FUNCTION questions_without_html(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("questions", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
