-- What kinds of mistakes the student makes, the most frequent first.
--
-- $iteration int = null    only this iteration; all of them if null
-- $purpose text = train    train, eval or sentinel
select
    coalesce(grades.error_class, '(none)') as error_class,
    challenges.category,
    count(*) as answers,
    round(avg(grades.score), 1) as average_score,
    min(grades.error_message) as example
from grades
join challenges on challenges.id = grades.challenge_id
where ($iteration is null or grades.iteration = $iteration)
    and grades.purpose = $purpose
    and not grades.equivalent
group by 1, 2
order by answers desc, 1, 2
