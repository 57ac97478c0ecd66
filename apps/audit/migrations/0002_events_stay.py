"""Events are only added. The database itself refuses the rest, whoever asks."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    keep_days float := nullif(current_setting('gradus.audit_keep_days', true), '')::float;
    left_out audit_auditevent;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF current_setting('gradus.audit_truncate', true) = 'on' THEN  -- tests alone, which empty all tables
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        -- services.delete_old_events says how long events are kept. What is younger than 30 days stays in any case.
        IF OLD.at < gradus_now() - interval '1 day' * greatest(keep_days, 30) AND keep_days IS NOT NULL THEN
            RETURN OLD;
        END IF;
    ELSE
        -- a reference may become NULL: then what is personal goes with it, and nothing else changes
        left_out := OLD;
        IF NEW.person_id IS NULL THEN
            left_out.person_id := NULL;
        END IF;
        IF NEW.actor_id IS NULL THEN
            left_out.actor_id := NULL;
        END IF;
        IF left_out IS DISTINCT FROM OLD AND NEW IS NOT DISTINCT FROM left_out THEN
            IF NEW.person_id IS NULL THEN
                NEW.personal := '{}';
            END IF;
            IF NEW.actor_id IS NULL THEN
                NEW.network := '';
                NEW.agent := '';
            END IF;
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE FUNCTION audit_event_is_erased_with_its_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM accounts_user
        WHERE id = OLD.person_id AND NEW.person_id IS NULL OR id = OLD.actor_id AND NEW.actor_id IS NULL
    ) THEN
        RAISE EXCEPTION 'the audit log forgets a person with their account alone' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_event_stays BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_event_stays();
CREATE TRIGGER audit_events_stay BEFORE TRUNCATE ON audit_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_stays();
-- at the end of the transaction, since references become NULL before the account's row goes
CREATE CONSTRAINT TRIGGER audit_event_is_erased_with_its_account AFTER UPDATE ON audit_auditevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_event_is_erased_with_its_account();
"""
BACKWARD = """
DROP TRIGGER audit_event_is_erased_with_its_account ON audit_auditevent;
DROP TRIGGER audit_events_stay ON audit_auditevent;
DROP TRIGGER audit_event_stays ON audit_auditevent;
DROP FUNCTION audit_event_is_erased_with_its_account();
DROP FUNCTION audit_event_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("accounts", "0001_initial"), ("common", "0001_gradus_now")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
