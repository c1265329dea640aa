-- Loss, gradient norm and learning rate, step by step.
--
-- $iteration int = null   only this iteration; all of them if null
-- $run hash = null        only this run; all of them if null
select
    iteration,
    step,
    epoch,
    round(loss, 4) as loss,
    round(grad_norm, 3) as grad_norm,
    learning_rate,
    tokens,
    round(tokens / (duration_us / 1e6), 0) as tokens_per_second
from training_steps
where ($iteration is null or iteration = $iteration)
    and ($run is null or run_id = $run)
order by seq
