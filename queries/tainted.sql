-- What is retracted, and the adapters that rest on it: one row for each of them, and one
-- without an adapter where none does.
with recursive tainted as (
    select target_id as retracted_id, target_id as id from retractions
    union
    select tainted.retracted_id, edges.child_id as id
    from edges
    join tainted on edges.parent_id = tainted.id
    -- A retraction refers to its target and does not rest on it.
    where edges.child_kind <> 'retraction'
)
select
    events.kind as retracted_kind,
    retractions.target_id as retracted_id,
    retractions.reason,
    adapters.run,
    adapters.iteration,
    adapters.step,
    adapters.id as checkpoint_id
from retractions
join events on events.id = retractions.target_id
left join (
    select
        tainted.retracted_id,
        checkpoints.seq,
        checkpoints.id,
        checkpoints.iteration,
        checkpoints.step,
        runs.name as run
    from tainted
    join checkpoints on checkpoints.id = tainted.id
    join runs on runs.id = checkpoints.run_id
) as adapters on adapters.retracted_id = retractions.target_id
order by retractions.seq, adapters.seq
