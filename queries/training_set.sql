-- The mistakes worth training on: graded below the threshold in the loop, with a
-- correction that was executed. Left out is what rests on a retracted event: on a grade, an
-- answer, a call, a challenge or one that it is a sibling of, a database, a run or one that
-- it is a fork of, or on an adapter that is retracted itself. A mistake of an adapter that
-- is merely tainted stays: that it is one is true, whatever the adapter had been taught.
--
-- $threshold int = 80     scores below it count as mistakes
-- $iteration int = null   only iterations up to this one; all of them if null
-- $run hash = null        only this run; all of them if null
with recursive retracted as (
    select target_id as id from retractions
    union
    select made.id
    from (
        select id, parent_run_id as parent_id from runs
        union all
        select id, sibling_of_challenge_id as parent_id from challenges
    ) as made
    join retracted on retracted.id = made.parent_id
)
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
        from retracted
        where retracted.id
            in (
                grades.id,
                grades.answer_id,
                grades.challenge_id,
                grades.run_id,
                grades.judge_call_id,
                grades.correction_call_id,
                answers.run_id,
                answers.checkpoint_id,
                challenges.run_id,
                challenges.database_id,
                challenges.teacher_call_id,
                databases.run_id
            )
    )
order by grades.seq
