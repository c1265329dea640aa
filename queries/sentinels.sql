-- How the teacher did on planted answers, by iteration: how many wrong ones it let pass,
-- which is what training depends on, and how many right ones it failed.
--
-- $run hash = null   only this run; all of them if null
select
    iteration,
    sum(case when equivalent then 0 else 1 end) as wrong,
    sum(case when not equivalent and judge_score >= 80 then 1 else 0 end) as wrong_passed,
    sum(case when equivalent then 1 else 0 end) as "right",
    sum(case when equivalent and judge_score < 80 then 1 else 0 end) as right_failed
from grades
where purpose = 'sentinel'
    and judge_score is not null
    and ($run is null or run_id = $run)
group by iteration
order by iteration
