from django.db import migrations

# HTML may be made anew (a newer KaTeX); what was said may not change under the answers that were given to it.
FORWARD = """
CREATE FUNCTION questions_said(fields jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(fields) WHERE key NOT LIKE '%html%'
$$;
CREATE FUNCTION questions_revision_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL AND questions_said(to_jsonb(OLD)) IS DISTINCT FROM questions_said(to_jsonb(NEW)) THEN
        RAISE EXCEPTION 'a published revision never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION questions_piece_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND questions_said(to_jsonb(OLD)) = questions_said(to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM questions_revision WHERE id = NEW.revision_id AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a published revision never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER questions_revision_stays BEFORE UPDATE ON questions_revision
    FOR EACH ROW EXECUTE FUNCTION questions_revision_stays();
CREATE TRIGGER questions_piece_stays BEFORE INSERT OR UPDATE ON questions_revisiontext
    FOR EACH ROW EXECUTE FUNCTION questions_piece_stays();
"""
BACKWARD = """
DROP TRIGGER questions_piece_stays ON questions_revisiontext;
DROP TRIGGER questions_revision_stays ON questions_revision;
DROP FUNCTION questions_piece_stays();
DROP FUNCTION questions_revision_stays();
DROP FUNCTION questions_said(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("questions", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
