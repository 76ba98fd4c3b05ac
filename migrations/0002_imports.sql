-- What imports stage a file in, row by row, before its rows enter the books.
--
-- These tables stay empty: an import makes a temporary table of the same name and shape for its own
-- session, which stands in front of the one here. Here they are what the statements of imports are
-- checked against when redeemq is compiled. (LIKE takes columns and indexes over, but no checks.)

create table staged_goods (
    -- 1, 2, 3, … over the good rows of the file: what chunks are cut by.
    place             bigint primary key,
    line              bigint not null,
    goods_id          text not null,
    name              text,
    group_name        text,
    quantity          bigint,
    per_player        bigint,
    per_client        bigint,
    price             text not null,
    starts_at         timestamptz,
    ends_at           timestamptz,
    coupon_expires_at timestamptz,
    coupon_days       integer,
    constraint staged_goods_is_temporary check (false)
);
create index staged_goods_by_id on staged_goods (goods_id, line);

create table staged_coupon (
    place      bigint primary key,
    line       bigint not null,
    code       text not null,
    expires_at timestamptz not null,
    constraint staged_coupon_is_temporary check (false)
);

create table staged_player (
    place     bigint primary key,
    line      bigint not null,
    player_id text not null,
    asset     text not null,
    amount    bigint not null,
    constraint staged_player_is_temporary check (false)
);
