-- The answers that took the student longest.
--
-- $limit int = 10   how many
select
    answers.iteration,
    challenges.category,
    round(answers.duration_us / 1e6, 3) as seconds,
    answers.output_tokens,
    challenges.question,
    answers.sql,
    answers.id as answer_id
from answers
join challenges on challenges.id = answers.challenge_id
where answers.duration_us is not null
order by answers.duration_us desc, answers.seq
limit $limit
