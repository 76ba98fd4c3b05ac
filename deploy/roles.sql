-- Users of the database, each with the rights that it needs and no others.
--
--   redeemq_owner      redeemq migrate: owns the schema
--   redeemq_ingress    redeemq ingress: tokens, functions that tell one row each, and one that tells of all
--                      clients what their requests are checked with
--   redeemq_worker     redeemq worker: decides; reads all but the secrets of clients
--   redeemq_operator   the commands of an operator: clients, imports, branches, audit, dead letters
--
-- Run it as a superuser in redeemq's database, before the first `redeemq migrate` and after each:
-- users come first, and rights can only be given on what is there. It changes nothing that is right
-- already. For `redeemq serve`, which is both in one process, make a user that is a member of both:
--   create role redeemq_serve login password '…' in role redeemq_ingress, redeemq_worker;
--
-- A user whose password is given is set to it, else it keeps the one it has:
--   PGOPTIONS='-c redeemq.worker_password=…' psql -X -v ON_ERROR_STOP=1 -f deploy/roles.sql "$DATABASE_URL"

begin;

do $$
declare
    who text;
    password text;
begin
    foreach who in array array['owner', 'ingress', 'worker', 'operator'] loop
        if to_regrole('redeemq_' || who) is null then
            execute format('create role redeemq_%s login', who);
        end if;
        password := nullif(current_setting(format('redeemq.%s_password', who), true), '');
        if password is not null then
            execute format('alter role redeemq_%s password %L', who, password);
        end if;
    end loop;

    -- Everyone may connect to a new database, and make temporary tables in it.
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to redeemq_ingress, redeemq_worker, redeemq_operator',
                   current_database());
    -- An import stages its file in a temporary table.
    execute format('grant temporary on database %I to redeemq_operator', current_database());

    -- Who owns the database owns its schema `public`.
    execute format('alter database %I owner to redeemq_owner', current_database());
end
$$;

-- What was made before there was an owner.
do $$
declare
    thing text;
begin
    for thing in
        select format('table %s', oid::regclass) from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relowner <> 'redeemq_owner'::regrole
        union all
        select format('function %s', oid::regprocedure) from pg_proc
        where pronamespace = 'public'::regnamespace and proowner <> 'redeemq_owner'::regrole
    loop
        execute format('alter %s owner to redeemq_owner', thing);
    end loop;
end
$$;

grant usage on schema public to redeemq_ingress, redeemq_worker, redeemq_operator;

-- A right that is no longer given here shall be gone: all are taken first, and no one sees it.
revoke all on all tables in schema public from public, redeemq_ingress, redeemq_worker, redeemq_operator;
revoke all on all functions in schema public from public, redeemq_ingress, redeemq_worker, redeemq_operator;

do $$
begin
    if to_regclass('public.ledger') is null then
        raise notice 'there are no tables yet: run this again after `redeemq migrate`';
        return;
    end if;

    -- Which migrations there are.
    grant select on _sqlx_migrations to redeemq_ingress, redeemq_worker, redeemq_operator;

    -- Ingress
    grant select (client_id, disabled_at, token_generation, token_issued_at),
          update (token_generation, token_issued_at) on client to redeemq_ingress;
    grant execute on function credentials_of, secrets_of, standing_of, client_snapshot to redeemq_ingress;

    -- Worker; it reads for its audit as well (REDEEMQ_AUDIT_EVERY_SECONDS).
    grant select (client_id, disabled_at) on client to redeemq_worker;
    grant select on goods, coupon, balance, player_import, player_usage, client_usage, branch,
          branch_group, pin_failure, ledger, dead_job, attempt, watched_goods
          to redeemq_worker;
    grant execute on function standing_of to redeemq_worker;
    grant insert on ledger to redeemq_worker;
    grant update (granted) on goods to redeemq_worker;
    grant update (amount) on balance to redeemq_worker;
    grant update (job_key, holder_client, holder_player, valid_until, used_key, used_at, used_branch)
          on coupon to redeemq_worker;
    grant insert, update (granted, cap) on player_usage, client_usage to redeemq_worker;
    grant insert, update (forgiven), delete on pin_failure to redeemq_worker;
    grant insert, update (reason, dead_at) on dead_job to redeemq_worker;
    grant insert, update (attempts, began_at), delete on attempt to redeemq_worker;

    -- Operator
    grant select (client_id, name, disabled_at, answers, token_generation, api_secret_before_until),
          insert (client_id, name, api_key, api_secret_hash, answers),
          update (disabled_at, answers, token_generation, token_issued_at) on client to redeemq_operator;
    grant select, insert (who, what, subject, before, after) on audit_log to redeemq_operator;
    grant select on goods, coupon, balance, player_import, player_usage, client_usage, branch_group,
          ledger, dead_job, staged_goods, staged_coupon, staged_player to redeemq_operator;
    grant select (id, scope, sponsor, merchant, name, enabled),
          insert (scope, sponsor, merchant, name, key_id, pin_hash),
          update (enabled, key_id, pin_hash) on branch to redeemq_operator;
    grant insert on branch_group to redeemq_operator;
    grant insert (scope, sponsor, goods_id, name, group_name, quantity, per_player, per_client, price,
                  starts_at, ends_at, coupon_expires_at, coupon_days),
          update (name, quantity, per_player, per_client, price, starts_at, ends_at, coupon_expires_at,
                  coupon_days, codes, fold_case) on goods to redeemq_operator;
    grant insert (goods, code, shown, expires_at) on coupon to redeemq_operator;
    grant insert on player_import to redeemq_operator;
    grant insert, update (amount) on balance to redeemq_operator;
    grant insert, update (granted, cap) on player_usage, client_usage to redeemq_operator;
    grant delete on dead_job to redeemq_operator;
    grant select, insert, delete on watched_goods to redeemq_operator;
    grant execute on function standing_of, replace_secret to redeemq_operator;
end
$$;

commit;
