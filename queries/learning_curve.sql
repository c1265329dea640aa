-- The score on a suite after each iteration, with its 95 % interval, and whether what was
-- trained took its place.
--
-- $suite text = frozen   the suite's name
-- $run hash = null       only this run; all of them if null
select
    runs.name as run,
    evaluations.iteration,
    evaluations.items,
    round(evaluations.score, 1) as score,
    round(evaluations.score_low, 1) as score_low,
    round(evaluations.score_high, 1) as score_high,
    round(100 * evaluations.equivalent['value'], 1) as right_percent,
    round(100 * evaluations.syntax_pass['value'], 1) as runs_percent,
    places.evaluation_id is not null as took_place
from evaluations
left join runs on runs.id = evaluations.run_id
left join (
    select distinct candidate_evaluation_id as evaluation_id
    from promotions
    where promoted
) as places on places.evaluation_id = evaluations.id
where evaluations.suite = $suite
    and ($run is null or evaluations.run_id = $run)
order by runs.seq, evaluations.iteration, evaluations.seq
