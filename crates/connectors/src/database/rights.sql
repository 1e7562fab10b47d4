-- The least rights that Cordon needs in a PostgreSQL database, version 1.
--
-- Run it once in each database as a superuser:
--     psql --set ON_ERROR_STOP=1 --file rights.sql DATABASE
-- Then give cordon_hand a password, and put each role that Cordon may touch into the list:
--     GRANT cordon_scope TO app_orders;
--
-- cordon_hand can call six functions and nothing else. They read the state of listed roles,
-- take login, grants and connections of listed roles, and give back exactly what they took:
-- what nobody took with them they cannot give, so the connector can raise nobody's rights.
-- Superusers, replication roles and Cordon's own role are never touched, listed or not.

BEGIN;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'cordon_scope') THEN
    CREATE ROLE cordon_scope NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'cordon_hand') THEN
    CREATE ROLE cordon_hand LOGIN NOINHERIT CONNECTION LIMIT 16;
  END IF;
END $$;

CREATE SCHEMA cordon;

-- What Cordon has taken and not given back. No rows when no cordon stands.
CREATE TABLE cordon.taken (
  role oid NOT NULL,
  what text NOT NULL CHECK (what IN ('login', 'grants')),
  state pg_catalog.jsonb NOT NULL,
  note text NOT NULL,
  since timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (role, what)
);

-- The role if it is listed and may be touched; null otherwise.
CREATE FUNCTION cordon.listed(wanted text) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.oid FROM pg_roles r
  WHERE r.rolname = wanted AND NOT r.rolsuper AND NOT r.rolreplication
    AND r.rolname NOT LIKE 'pg\_%' AND r.rolname NOT IN ('cordon_hand', 'cordon_scope')
    AND EXISTS (SELECT FROM pg_auth_members m
                WHERE m.member = r.oid AND m.roleid = 'cordon_scope'::regrole)
$$;

-- Every right that was granted to a role in this database, and its memberships: one row for
-- each right by each grantor. What it owns is not granted, and cannot be taken.
CREATE FUNCTION cordon.grants_of(who oid)
RETURNS TABLE (kind text, object oid, part text, named text, owner oid, "right" text,
               grantor oid, again boolean, more jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH acls AS (
    SELECT 'DATABASE' AS kind, oid AS object, '' AS part, format('%I', datname) AS named,
           datdba AS owner, datacl AS acl
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'SCHEMA', oid, '', format('%I', nspname), nspowner, nspacl FROM pg_namespace
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid, '',
           format('%I.%I', n.nspname, c.relname), c.relowner, c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'TABLE', c.oid, format('%I', a.attname), format('%I.%I', n.nspname, c.relname),
           c.relowner, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT a.attisdropped
    UNION ALL
    SELECT 'ROUTINE', p.oid, '',
           format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
           p.proowner, p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  )
  SELECT a.kind, a.object, a.part, a.named, a.owner, x.privilege_type, x.grantor,
         x.is_grantable, NULL::jsonb
  FROM acls a CROSS JOIN LATERAL aclexplode(a.acl) x
  WHERE a.acl IS NOT NULL AND x.grantee = who AND a.owner <> who
  UNION ALL
  SELECT 'MEMBER', m.roleid, '', format('%I', g.rolname), m.grantor, 'MEMBER', m.grantor,
         m.admin_option, to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor'
  FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
  WHERE m.member = who AND m.roleid <> 'cordon_scope'::regrole
$$;

-- Its rights as one value.
CREATE FUNCTION cordon.grants_as_json(who oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'kind', g.kind, 'object', g.object::bigint, 'part', g.part, 'named', g.named,
           'right', g."right", 'grantor', format('%I', r.rolname), 'again', g.again,
           'more', g.more)
         ORDER BY g.kind, g.named, g.part, g."right", r.rolname), '[]'::jsonb)
  FROM cordon.grants_of(who) g LEFT JOIN pg_roles r ON r.oid = g.grantor
$$;

-- The login of a role as one value.
CREATE FUNCTION cordon.login_as_json(who oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('login', rolcanlogin, 'valid_until', rolvaliduntil,
                            'connection_limit', rolconnlimit)
  FROM pg_roles WHERE oid = who
$$;

-- Runs a statement as the role that granted a right: only it can take the right back.
CREATE FUNCTION cordon.as_grantor(grantor oid, owner oid, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF grantor = owner THEN
    EXECUTE statement;
    RETURN;
  END IF;
  EXECUTE format('CREATE FUNCTION cordon.once() RETURNS void LANGUAGE sql SECURITY DEFINER '
                 'SET search_path = pg_catalog, pg_temp AS %L', statement);
  REVOKE ALL ON FUNCTION cordon.once() FROM PUBLIC;
  EXECUTE format('ALTER FUNCTION cordon.once() OWNER TO %I',
                 (SELECT rolname FROM pg_roles WHERE oid = grantor));
  PERFORM cordon.once();
  DROP FUNCTION cordon.once();
END $$;

CREATE FUNCTION cordon.take_grants(who oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g record;
  grantee text := (SELECT format('%I', rolname) FROM pg_roles WHERE oid = who);
BEGIN
  FOR g IN SELECT * FROM cordon.grants_of(who) LOOP
    IF g.kind = 'MEMBER' THEN
      EXECUTE format('REVOKE %s FROM %s', g.named, grantee);
    ELSE
      PERFORM cordon.as_grantor(g.grantor, g.owner, format('REVOKE %s%s ON %s %s FROM %s',
        g."right", CASE WHEN g.part <> '' THEN ' (' || g.part || ')' END, g.kind, g.named,
        grantee));
    END IF;
  END LOOP;
END $$;

-- Gives back each right that is missing, and says which object is gone.
CREATE FUNCTION cordon.give_grants(who oid, taken jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g record;
  grantee text := (SELECT format('%I', rolname) FROM pg_roles WHERE oid = who);
  gone text := '';
BEGIN
  FOR g IN
    SELECT t.*, to_regrole(t.grantor)::oid AS granter, o.owner, o.named AS now
    FROM jsonb_to_recordset(taken) AS t(kind text, object bigint, part text, named text,
      "right" text, grantor text, again boolean, more jsonb)
    LEFT JOIN LATERAL cordon.object_of(t.kind, t.object::oid) o ON true
    ORDER BY t.part
  LOOP
    IF g.now IS NULL OR g.granter IS NULL THEN
      gone := gone || ' ' || g.named;
    ELSIF g.kind = 'MEMBER' THEN
      EXECUTE format('GRANT %s TO %s%s GRANTED BY %s', g.now, grantee,
        CASE WHEN g.more ? 'inherit_option' THEN
               format(' WITH ADMIN %s, INHERIT %s, SET %s', g.more->>'admin_option',
                      g.more->>'inherit_option', g.more->>'set_option')
             WHEN g.again THEN ' WITH ADMIN OPTION' END,
        g.grantor);
    ELSE
      PERFORM cordon.as_grantor(g.granter, g.owner, format('GRANT %s%s ON %s %s TO %s%s',
        g."right", CASE WHEN g.part <> '' THEN ' (' || g.part || ')' END, g.kind, g.now, grantee,
        CASE WHEN g.again THEN ' WITH GRANT OPTION' END));
    END IF;
  END LOOP;
  RETURN ltrim(gone);
END $$;

-- The present name and owner of what a right is on.
CREATE FUNCTION cordon.object_of(kind text, object oid, OUT named text, OUT owner oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%I', datname), datdba FROM pg_database WHERE kind = 'DATABASE' AND oid = object
  UNION ALL
  SELECT format('%I', nspname), nspowner FROM pg_namespace WHERE kind = 'SCHEMA' AND oid = object
  UNION ALL
  SELECT format('%I.%I', n.nspname, c.relname), c.relowner
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE kind IN ('TABLE', 'SEQUENCE') AND c.oid = object
  UNION ALL
  SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
         p.proowner
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE kind = 'ROUTINE' AND p.oid = object
  UNION ALL
  SELECT format('%I', rolname), oid FROM pg_roles WHERE kind = 'MEMBER' AND oid = object
$$;

-- 1. Reads: what is `login`, `grants` or `connections`.
CREATE FUNCTION cordon.look(roles text[], what text)
RETURNS TABLE (role text, is_there boolean, is_listed boolean, is_taken boolean, state jsonb,
               open bigint, members bigint, owned bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT w.role, r.oid IS NOT NULL, l.oid IS NOT NULL, t.role IS NOT NULL,
    CASE WHEN l.oid IS NULL THEN NULL
         WHEN look.what = 'login' THEN cordon.login_as_json(l.oid)
         WHEN look.what = 'grants' THEN cordon.grants_as_json(l.oid) END,
    CASE WHEN l.oid IS NOT NULL THEN
      (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = l.oid) ELSE 0 END,
    (SELECT count(*) FROM pg_auth_members m WHERE m.roleid = l.oid),
    CASE WHEN look.what = 'grants' THEN
      (SELECT count(*) FROM pg_class c WHERE c.relowner = l.oid) ELSE 0 END
  FROM unnest(look.roles) AS w(role)
  LEFT JOIN pg_roles r ON r.rolname = w.role
  LEFT JOIN LATERAL (SELECT cordon.listed(w.role) AS oid) l ON true
  LEFT JOIN cordon.taken t ON t.role = l.oid AND t.what = look.what
$$;

CREATE FUNCTION cordon.take_one(who oid, what text, prior jsonb, note text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now jsonb;
  is_ours boolean := EXISTS (SELECT FROM cordon.taken t WHERE t.role = who AND t.what = take_one.what);
BEGIN
  BEGIN
    PERFORM FROM pg_authid WHERE oid = who FOR UPDATE;
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- an owner that is no superuser compares without the lock
  END;
  now := CASE what WHEN 'login' THEN cordon.login_as_json(who) ELSE cordon.grants_as_json(who) END;
  IF what = 'grants' AND EXISTS (SELECT FROM pg_class c WHERE c.relowner = who) THEN
    RETURN 'owner';
  END IF;
  IF (what = 'login' AND NOT (now->>'login')::boolean) OR now = '[]'::jsonb THEN
    RETURN CASE WHEN is_ours THEN 'ours' ELSE 'already' END;
  END IF;
  IF prior IS NOT NULL AND prior <> now AND NOT is_ours THEN
    RETURN 'changed';
  END IF;
  IF what = 'login' THEN
    EXECUTE format('ALTER ROLE %I NOLOGIN', (SELECT rolname FROM pg_roles WHERE oid = who));
  ELSE
    PERFORM cordon.take_grants(who);
  END IF;
  INSERT INTO cordon.taken VALUES (who, what, now, note) ON CONFLICT DO NOTHING;
  RETURN 'done';
END $$;

-- 2. Lets nothing new start: takes `login` or `grants`, where the state is still the prior one.
CREATE FUNCTION cordon.refuse(roles text[], what text, priors jsonb, note text)
RETURNS TABLE (role text, answer text, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who oid;
BEGIN
  FOREACH role IN ARRAY roles LOOP
    why := '';
    who := cordon.listed(role);
    BEGIN
      answer := CASE WHEN who IS NULL THEN 'unlisted'
                ELSE cordon.take_one(who, refuse.what, nullif(priors->role, 'null'), note) END;
    EXCEPTION
      WHEN insufficient_privilege OR dependent_objects_still_exist OR invalid_grant_operation THEN
        answer := 'denied'; why := SQLERRM;
      WHEN lock_not_available OR serialization_failure THEN answer := 'changed'; why := SQLERRM;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

CREATE FUNCTION cordon.give_one(who oid, what text, OUT answer text, OUT why text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken jsonb := (SELECT t.state FROM cordon.taken t
                  WHERE t.role = who AND t.what = give_one.what FOR UPDATE);
BEGIN
  why := '';
  IF what = 'login' THEN
    IF (cordon.login_as_json(who)->>'login')::boolean THEN
      answer := 'already';
    ELSIF taken IS NULL THEN
      answer := 'not ours';
    ELSE
      EXECUTE format('ALTER ROLE %I LOGIN', (SELECT rolname FROM pg_roles WHERE oid = who));
      answer := 'done';
    END IF;
  ELSIF taken IS NULL THEN
    answer := 'already';
  ELSE
    why := cordon.give_grants(who, taken);
    answer := 'done';
  END IF;
  DELETE FROM cordon.taken t WHERE t.role = who AND t.what = give_one.what;
END $$;

-- 3. Gives back what was taken with `refuse`, and nothing else.
CREATE FUNCTION cordon.restore(roles text[], what text)
RETURNS TABLE (role text, answer text, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE who oid;
BEGIN
  FOREACH role IN ARRAY roles LOOP
    why := '';
    who := cordon.listed(role);
    BEGIN
      IF who IS NULL THEN
        answer := 'unlisted';
      ELSE
        SELECT g.answer, g.why INTO answer, why FROM cordon.give_one(who, restore.what) g;
      END IF;
    EXCEPTION
      WHEN insufficient_privilege OR invalid_grant_operation THEN answer := 'denied'; why := SQLERRM;
      WHEN lock_not_available OR serialization_failure THEN answer := 'changed'; why := SQLERRM;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

-- 4. Closes what is open.
CREATE FUNCTION cordon.end_connections(roles text[])
RETURNS TABLE (role text, answer text, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who oid;
  process integer;
BEGIN
  FOREACH role IN ARRAY roles LOOP
    why := '';
    who := cordon.listed(role);
    IF who IS NULL THEN
      answer := 'unlisted';
    ELSE
      answer := 'already';
      -- One by one: in one condition the server might ask for the end before it asks for whose.
      FOR process IN SELECT a.pid FROM pg_stat_activity a WHERE a.usesysid = who LOOP
        IF pg_terminate_backend(process) THEN
          answer := 'done';
        END IF;
      END LOOP;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- 5. What the pre-flight compares.
CREATE FUNCTION cordon.version() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 1';

-- 6. What more than these functions the caller could do: nothing, as it should be.
CREATE FUNCTION cordon.excess() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(', ',
    CASE WHEN r.rolsuper THEN 'it is a superuser' END,
    CASE WHEN r.rolcreaterole THEN 'it may create and change roles' END,
    CASE WHEN r.rolcreatedb THEN 'it may create databases' END,
    CASE WHEN r.rolreplication THEN 'it may replicate' END,
    CASE WHEN r.rolbypassrls THEN 'it passes row security' END,
    (SELECT 'it is a member of ' || string_agg(g.rolname, ' and ' ORDER BY g.rolname)
     FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
    (SELECT 'it may use ' || count(*) || ' tables'
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%'
       AND n.nspname <> 'information_schema' AND has_schema_privilege(r.oid, n.oid, 'USAGE')
       AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
     HAVING count(*) > 0))
  FROM pg_roles r WHERE r.rolname = session_user
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cordon FROM PUBLIC;
GRANT USAGE ON SCHEMA cordon TO cordon_hand;
GRANT EXECUTE ON FUNCTION cordon.look, cordon.refuse, cordon.restore, cordon.end_connections,
  cordon.version, cordon.excess TO cordon_hand;

COMMIT;
