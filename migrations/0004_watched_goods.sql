-- Goods whose stock is a metric, because an operator said so: `redeemq goods watch`.
--
-- A table of its own: the row of hot goods is written with each batch, and holds no more than it must.

create table watched_goods (
    goods bigint primary key references goods (id)
);
comment on table watched_goods is 'What /metrics of the workers shows the stock of. Each row costs some time series, so it is for campaigns.';
