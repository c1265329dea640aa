-- One row for each graded answer: the challenge, what the student said, the verdict.
select
    grades.run_id,
    grades.iteration,
    grades.purpose,
    challenges.category,
    challenges.difficulty,
    challenges.question,
    challenges.reference_sql,
    answers.sql as answer_sql,
    answers.text as answer_text,
    answers.output_tokens,
    answers.duration_us as answer_duration_us,
    grades.score,
    grades.equivalent,
    grades.executed,
    grades.verdict,
    grades.error_class,
    grades.error_message,
    grades.correction_sql,
    grades.explanation,
    answers.checkpoint_id,
    challenges.database_id,
    grades.challenge_id,
    grades.answer_id,
    grades.id as grade_id,
    grades.seq
from grades
join answers on answers.id = grades.answer_id
join challenges on challenges.id = grades.challenge_id
