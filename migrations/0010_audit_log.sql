-- Who changed what: one row for each change that an operator makes, written in the transaction that makes it.

create table audit_log (
    id            bigint generated always as identity,
    at            timestamptz not null default clock_timestamp(),
    -- As the operator calls himself.
    who           text not null,
    -- As the database knows him, whatever he says.
    database_user text not null default session_user,
    what          text not null,
    subject       text not null,
    before        jsonb,
    after         jsonb,
    constraint audit_log_is_numbered primary key (id)
);
create index audit_log_at on audit_log (at);
comment on table audit_log is 'What operators changed; no secret, PIN or code is in it. Kept for ever.';

create function refuse_to_rewrite_log() returns trigger language plpgsql as $$
begin
    raise exception 'the log of operators is append-only'
        using errcode = 'integrity_constraint_violation', constraint = tg_name;
end
$$;
create trigger audit_log_is_append_only before update or delete or truncate on audit_log
    for each statement execute function refuse_to_rewrite_log();
