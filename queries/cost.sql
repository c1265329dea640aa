-- What the teacher's calls cost in US dollars, and the tokens that they used.
-- A cost that is not known counts as nothing in the sum and is counted beside it.
--
-- $run hash = null   only this run; all of them if null
select
    iteration,
    model,
    request,
    count(*) as calls,
    sum(prompt_tokens) as prompt_tokens,
    sum(output_tokens) as output_tokens,
    sum(cost_microusd) / 1e6 as cost_usd,
    count(*) - count(cost_microusd) as calls_of_unknown_cost
from teacher_calls
where ($run is null or run_id = $run)
group by iteration, model, request
order by iteration, model, request
