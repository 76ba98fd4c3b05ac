-- Credentials that end: a new api_secret beside the old one for a while.

alter table client
    add column api_secret_hash_before text,
    add column api_secret_before_until timestamptz,
    add constraint client_secret_before_is_whole
        check ((api_secret_hash_before is null) = (api_secret_before_until is null));
comment on column client.api_secret_hash_before is 'The api_secret before the present one, which is taken until api_secret_before_until.';

-- Beside credentials_of, which an ingress of before this migration asks.
create function secrets_of(given_key text)
returns table (client_id text, api_secret_hash text, api_secret_hash_before text, enabled boolean)
language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select c.client_id, c.api_secret_hash,
           case when c.api_secret_before_until > now() then c.api_secret_hash_before end,
           c.disabled_at is null
    from client c where c.api_key = given_key
$$;
comment on function secrets_of is 'What /Auth compares with: no more than the client of this one api key.';

revoke execute on function secrets_of from public;

-- An operator may replace an api_secret, and not read the hash of any.
create function replace_secret(given_client text, new_hash text, before_until timestamptz)
returns void
language sql security definer set search_path = pg_catalog, public, pg_temp
as $$
    update client
    set api_secret_hash_before = case when before_until is not null then api_secret_hash end,
        api_secret_before_until = before_until, api_secret_hash = new_hash
    where client_id = given_client
$$;
comment on function replace_secret is 'The api_secret before the present one is taken until then, if a time is given.';

revoke execute on function replace_secret from public;
