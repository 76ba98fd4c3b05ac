-- The books of redeemq.
--
-- Every promise that a row can break is a named constraint here as well as a rule in src/domain:
-- the worker decides, the database makes sure. Owners come first in every key, so that the tables
-- can be partitioned or distributed by them. What has no bound is null ("unlimited"); 0 is "none".

create table client (
    client_id        text primary key,
    name             text not null,
    api_key          text not null,
    api_secret_hash  text not null,
    -- Jobs accepted from this instant on are refused; those accepted before are still judged.
    disabled_at      timestamptz,
    -- Tokens are self-contained. Renewing raises the generation, which ends all earlier ones.
    token_generation integer not null default 0,
    token_issued_at  timestamptz,
    constraint client_id_is_a_routing_word check (client_id ~ '^[a-z0-9-]{1,64}$'),
    constraint client_api_key_is_unique unique (api_key)
);
comment on table client is 'Client sites; read by the ingress as a snapshot.';

create table goods (
    id                bigint generated always as identity primary key,
    -- A client id, or * for the sponsors: their goods ids and groups are unique over all of them.
    scope             text not null,
    sponsor           text,
    goods_id          text not null,
    name              text not null,
    -- Set for a pool of single-use codes; its stock is its codes.
    group_name        text,
    quantity          bigint,
    per_player        bigint,
    per_client        bigint,
    -- point=50;badge:gold=1;custom:gem=2, charged together for each unit.
    price             text not null default '',
    starts_at         timestamptz,
    ends_at           timestamptz,
    coupon_expires_at timestamptz,
    coupon_days       integer,
    granted           bigint not null default 0,
    codes             bigint not null default 0,
    constraint goods_id_is_unique unique (scope, goods_id),
    constraint goods_group_is_unique unique (scope, group_name),
    constraint goods_sponsored_names_sponsor check ((scope = '*') = (sponsor is not null)),
    constraint goods_stock_not_exceeded check (granted <= quantity),
    constraint goods_codes_not_exceeded check (group_name is null or granted <= codes),
    constraint goods_pool_has_no_quantity check (group_name is null or quantity is null),
    constraint goods_bounds_not_negative check (
        granted >= 0 and quantity >= 0 and per_player >= 0 and per_client >= 0 and coupon_days >= 0
    )
    -- The hottest row of a campaign is updated once a batch: room on its page keeps that in place.
) with (fillfactor = 50);
comment on table goods is 'What can be redeemed. Locking its row is what makes batches on the same goods take turns.';
comment on column goods.granted is 'Units granted: always the sum over the ledger.';
comment on column goods.codes is 'Codes imported: always the count of coupon rows.';

create table coupon (
    goods         bigint not null references goods (id),
    code          text not null,
    -- Import order: the order of granting among equal expiries.
    id            bigint generated always as identity,
    expires_at    timestamptz not null default 'infinity',
    holder_client text,
    holder_player text,
    job_key       uuid,
    -- The earliest of the goods', the code's and the days' expiry, fixed when it was granted.
    valid_until   timestamptz,
    used_at       timestamptz,
    used_branch   bigint,
    used_key      uuid,
    constraint coupon_is_unique primary key (goods, code),
    constraint coupon_holder_is_whole check (
        (job_key is null) = (holder_client is null) and (job_key is null) = (holder_player is null)
    ),
    constraint coupon_used_only_when_held check (used_key is null or job_key is not null),
    constraint coupon_use_is_whole check (
        (used_key is null) = (used_at is null) and (used_key is null) = (used_branch is null)
    )
);
-- The next free codes without reading the taken ones.
create index coupon_free on coupon (goods, expires_at, id) where job_key is null;
comment on table coupon is 'Single-use codes. The primary key is (goods, code): a grant then costs one index entry.';

create function refuse_second_holder() returns trigger language plpgsql as $$
begin
    raise exception 'coupon % of goods % was granted or used before', old.code, old.goods
        using errcode = 'integrity_constraint_violation', constraint = tg_name;
end
$$;
-- The conditions are evaluated without calling the function, so the usual update pays nothing.
create trigger coupon_has_one_holder before update on coupon for each row
    when (old.job_key is not null and (old.job_key, old.holder_client, old.holder_player)
        is distinct from (new.job_key, new.holder_client, new.holder_player))
    execute function refuse_second_holder();
create trigger coupon_is_used_once before update on coupon for each row
    when (old.used_key is not null and (old.used_key, old.used_at, old.used_branch)
        is distinct from (new.used_key, new.used_at, new.used_branch))
    execute function refuse_second_holder();

create table balance (
    client_id text not null,
    player_id text not null,
    asset     text not null,
    amount    bigint not null,
    constraint balance_is_unique primary key (client_id, player_id, asset),
    constraint balance_not_negative check (amount >= 0)
) with (fillfactor = 80);
comment on table balance is 'What players own. A player exists when any row of his does.';

create table player_import (
    client_id text not null,
    import_id text not null,
    player_id text not null,
    asset     text not null,
    amount    bigint not null,
    constraint player_import_adds_once primary key (client_id, import_id, player_id, asset),
    constraint player_import_not_negative check (amount >= 0)
);
comment on table player_import is 'What imports added: the income side of every balance.';

-- Kept only while the goods has the limit; setting a limit counts the ledger afresh.
create table player_usage (
    client_id text not null,
    goods     bigint not null references goods (id),
    player_id text not null,
    granted   bigint not null,
    cap       bigint not null,
    constraint player_usage_is_unique primary key (client_id, goods, player_id),
    constraint player_usage_within_limit check (granted <= cap)
) with (fillfactor = 80);
comment on column player_usage.cap is 'The limit when last granted; lowering a limit below it takes nothing back.';

create table client_usage (
    client_id text not null,
    goods     bigint not null references goods (id),
    granted   bigint not null,
    cap       bigint not null,
    constraint client_usage_is_unique primary key (client_id, goods),
    constraint client_usage_within_cap check (granted <= cap)
) with (fillfactor = 50);

create table branch (
    id       bigint generated always as identity primary key,
    scope    text not null,
    sponsor  text,
    merchant text not null,
    name     text not null,
    enabled  boolean not null default true,
    key_id   text not null,
    pin_hash text not null,
    constraint branch_is_unique unique nulls not distinct (scope, sponsor, merchant, name),
    constraint branch_pin_is_unique unique (scope, key_id, pin_hash),
    constraint branch_sponsored_names_sponsor check ((scope = '*') = (sponsor is not null))
);
comment on column branch.pin_hash is 'Keyed with the secret that key_id names; the PIN itself is nowhere.';

create table branch_group (
    goods  bigint not null references goods (id),
    branch bigint not null references branch (id),
    constraint branch_group_is_unique primary key (goods, branch)
);
comment on table branch_group is 'Which branches may verify which pool.';

create table pin_failure (
    client_id text not null,
    goods     bigint not null references goods (id),
    failed_at timestamptz not null,
    job_key   uuid not null,
    code      text not null,
    forgiven  boolean not null default false,
    constraint pin_failure_counts_once primary key (client_id, goods, failed_at, job_key)
);
comment on table pin_failure is 'Wrong PINs of the last day; at most 50 a client and group in 15 minutes.';

create table ledger (
    client_id   text not null,
    job_key     uuid not null,
    content     bytea not null,
    operation   text not null,
    accepted_at timestamptz not null,
    decided_at  timestamptz not null,
    code        text not null,
    goods       bigint,
    player_id   text,
    granted     bigint not null default 0,
    -- In the notation of goods.price: what was charged in all.
    spent       text,
    -- The result message, byte for byte: every later answer is this one.
    body        text not null,
    constraint ledger_decides_once primary key (client_id, job_key),
    constraint ledger_grant_is_whole check (granted >= 0 and (granted = 0 or (goods is not null and player_id is not null)))
);
comment on table ledger is 'One row a decided job, for ever: inbox, books and stored answer in one, so that a redemption costs one insert.';

create function refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only' using errcode = 'integrity_constraint_violation', constraint = tg_name;
end
$$;
create trigger ledger_is_append_only before update or delete or truncate on ledger
    for each statement execute function refuse_rewriting();

create table dead_job (
    client_id text not null,
    job_key   uuid not null,
    job_id    text not null,
    reason    text not null,
    dead_at   timestamptz not null default now(),
    constraint dead_job_is_unique primary key (client_id, job_key)
);
comment on table dead_job is 'Undecided jobs in the dead queue, so that their status can say so.';
