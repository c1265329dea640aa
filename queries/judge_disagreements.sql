-- Where the teacher's own opinion contradicts execution: answers that it lets pass though
-- they give other rows, and answers that it fails though they give the right ones.
--
-- $iteration int = null    only this iteration; all of them if null
-- $purpose text = null     train, eval or sentinel; all of them if null
select
    grades.iteration,
    grades.purpose,
    challenges.category,
    case when grades.equivalent then 'fails a right one' else 'passes a wrong one' end as judge,
    grades.judge_score,
    grades.score,
    coalesce(grades.error_class, '(none)') as error_class,
    challenges.question,
    answers.text as answer,
    grades.id as grade_id,
    grades.judge_call_id
from grades
join answers on answers.id = grades.answer_id
join challenges on challenges.id = grades.challenge_id
where grades.judge_score is not null
    and (grades.judge_score >= 80) <> grades.equivalent
    and ($iteration is null or grades.iteration = $iteration)
    and ($purpose is null or grades.purpose = $purpose)
order by grades.seq
