-- Everything that an event came from: its parents, theirs, and so on.
--
-- $id hash   the event's id
with recursive ancestry as (
    select 0 as generation, child_id, child_kind, iteration, role, parent_id
    from edges
    where child_id = $id
    union
    select ancestry.generation + 1, edges.child_id, edges.child_kind, edges.iteration, edges.role, edges.parent_id
    from edges
    join ancestry on edges.child_id = ancestry.parent_id
)
select min(generation) as generation, child_kind, iteration, role, child_id, parent_id
from ancestry
group by child_kind, iteration, role, child_id, parent_id
order by generation, child_kind, role, child_id, parent_id
