-- What the ingress may ask without reading tables.
--
-- The ingress is the process that strangers talk to. It answers /Auth for one key and the status of
-- one job at a time, and may see no more than that: not all secrets' hashes, and not the ledger, whose
-- answers contain coupon codes. So it asks these functions, which run with their owner's rights, and
-- has none of its own on what they read (deploy/roles.sql).

create function credentials_of(given_key text)
returns table (client_id text, api_secret_hash text, enabled boolean)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select c.client_id, c.api_secret_hash, c.disabled_at is null
    from client c where c.api_key = given_key
$$;
comment on function credentials_of is 'What /Auth compares with: no more than the client of this one api key.';

-- One row whether or not the job is known.
create function standing_of(given_client text, given_key uuid)
returns table (content bytea, accepted_at timestamptz, decided_at timestamptz, body text, dead boolean)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select l.content, l.accepted_at, l.decided_at, l.body,
           exists (select from dead_job d where d.client_id = given_client and d.job_key = given_key)
    from (select) as one
    left join ledger l on l.client_id = given_client and l.job_key = given_key
$$;
comment on function standing_of is 'What the books say of one job, by the whole of its key.';

revoke execute on function credentials_of, standing_of from public;

-- Its message goes to logs and notices, where a coupon code has no business.
create or replace function refuse_second_holder() returns trigger language plpgsql as $$
begin
    raise exception 'a coupon of goods % was granted or used before', old.goods
        using errcode = 'integrity_constraint_violation', constraint = tg_name;
end
$$;
