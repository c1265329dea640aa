-- The average score and the share of right answers, by category.
--
-- $iteration int = null    only this iteration; all of them if null
-- $purpose text = train    train, eval or sentinel
select
    challenges.category,
    count(*) as answers,
    round(avg(grades.score), 1) as average_score,
    round(100.0 * avg(cast(grades.equivalent as int)), 1) as right_percent,
    round(100.0 * avg(cast(grades.executed as int)), 1) as runs_percent
from grades
join challenges on challenges.id = grades.challenge_id
where ($iteration is null or grades.iteration = $iteration)
    and grades.purpose = $purpose
group by challenges.category
order by average_score, challenges.category
