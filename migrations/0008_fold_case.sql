-- Pools in which upper and lower case are one: `redeemq coupons import --fold-case`.
--
-- There `coupon.code` is the folded code and `coupon.shown` the code as it was imported, which is handed out. So a
-- coupon is found by the primary key, as in any pool, and two codes that fold alike can't be in one pool. No row is
-- rewritten and no index built: workers of the version before go on.

alter table goods add column fold_case boolean not null default false;
comment on column goods.fold_case is 'Set while the pool is empty, and for ever: its codes are stored folded.';

alter table coupon add column shown text;
comment on column coupon.shown is 'The code as imported, where that is not `code`: only in pools that fold case.';

alter table staged_coupon add column shown text;
