-- Attempts that have begun and not ended, of jobs that were delivered often: what the process was trying when it was
-- killed. This counts exactly, so what was sent and not tried need no longer be taken off the broker's count.

drop table untried;

create table attempt (
    client_id text not null,
    job_key   uuid not null,
    attempts  bigint not null default 1,
    began_at  timestamptz not null default now(),
    constraint attempt_is_unique primary key (client_id, job_key)
);
comment on table attempt is 'Attempts at often delivered jobs that have not ended: the process is at them, or was killed. Deleted after a month.';
