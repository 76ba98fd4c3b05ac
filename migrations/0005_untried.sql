-- How often a job was delivered without having been tried. The broker counts each delivery that was not
-- acknowledged, also where a lost connection took away what had only been sent ahead: an outage is not an
-- attempt, so workers take these off again before they give a job up.

create table untried (
    client_id  text not null,
    job_key    uuid not null,
    deliveries bigint not null default 1,
    noted_at   timestamptz not null default now(),
    constraint untried_is_unique primary key (client_id, job_key)
);
comment on table untried is 'Deliveries that ended before the job was tried, of jobs that were delivered often. Forgotten after a month.';
