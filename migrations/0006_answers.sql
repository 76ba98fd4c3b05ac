-- How each client site is answered over HTTP: at once (async), or with the decision (sync).

alter table client
    add column answers text not null default 'async',
    add constraint client_answers_are_known check (answers in ('async', 'sync'));

-- What the ingress polls. It may not read api keys, so it gets a hash of each: a request that has no token names its
-- client by the key that it sends.
create function client_snapshot()
returns table (client_id text, enabled boolean, token_generation integer, answers text, api_key_hash bytea)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select c.client_id, c.disabled_at is null, c.token_generation, c.answers,
           sha256(convert_to(c.api_key, 'UTF8'))
    from client c
$$;
comment on function client_snapshot is 'What every ingress knows of all clients without asking again.';

revoke execute on function client_snapshot from public;
