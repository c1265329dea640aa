-- How many answers got which score, in steps of ten.
--
-- $iteration int = null    only this iteration; all of them if null
-- $purpose text = train    train, eval or sentinel
select
    score - score % 10 as score_from,
    case when score - score % 10 < 100 then score - score % 10 + 9 else 100 end as score_to,
    count(*) as answers,
    round(100.0 * count(*) / sum(count(*)) over (), 1) as percent
from grades
where ($iteration is null or iteration = $iteration)
    and purpose = $purpose
group by 1
order by 1
