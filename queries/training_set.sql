-- The mistakes worth training on: graded below the threshold in the loop, with a
-- correction that was executed; nothing that they directly rest on is retracted.
--
-- $threshold int = 80     scores below it count as mistakes
-- $iteration int = null   only iterations up to this one; all of them if null
-- $run hash = null        only this run; all of them if null
select
    grades.id as grade_id,
    grades.challenge_id,
    grades.answer_id,
    grades.iteration,
    challenges.category,
    challenges.question,
    databases.schema_sql,
    answers.sql as answer_sql,
    grades.score,
    grades.error_class,
    grades.correction_sql,
    grades.explanation
from grades
join answers on answers.id = grades.answer_id
join challenges on challenges.id = grades.challenge_id
join databases on databases.id = challenges.database_id
where grades.purpose = 'train'
    and grades.score < $threshold
    and grades.correction_sql is not null
    and ($iteration is null or grades.iteration <= $iteration)
    and ($run is null or grades.run_id = $run)
    and not exists (
        select 1
        from retractions
        where retractions.target_id
            in (
                grades.id,
                grades.answer_id,
                grades.challenge_id,
                grades.run_id,
                grades.judge_call_id,
                grades.correction_call_id,
                challenges.database_id,
                challenges.teacher_call_id
            )
    )
order by grades.seq
