//! Grades such as a loop records them, made cheaply and without end.

use antiks::base::id::{ContentHash, Id};
use antiks::event::answer::Answer;
use antiks::event::challenge::{Challenge, ReferenceResult};
use antiks::event::database::Database;
use antiks::event::grade::{Grade, InstanceEvidence, Practice};
use antiks::event::run_started::RunStarted;
use antiks::event::words::Purpose;
use antiks::event::{Event, Observed, Time};
use antiks::lake::{Draft, Writer};

/// Instances that a challenge is proven on.
const INSTANCES: usize = 6;
const CHALLENGES: usize = 2_000;
const ANSWERS: usize = 100_000;
/// Bodies that are made beforehand, so that making them is not measured.
const POOL: usize = 20_000;
const NOW_US: i64 = 1_767_225_600_000_000;

/// SplitMix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }

    fn hash(&mut self) -> ContentHash {
        ContentHash::new(self.bytes())
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// A challenge's id, and its reference's result on each instance.
type Asked = (Id<Challenge>, Vec<ContentHash>);

/// What grades point at.
pub struct Targets {
    run_id: Id<RunStarted>,
    challenges: Vec<Asked>,
    answers: Vec<Id<Answer>>,
}

impl Targets {
    /// Ids that no lake holds.
    pub fn made_up() -> Self {
        let mut random = Random(1);
        let challenges = (0..CHALLENGES).map(|_| {
            let results = (0..INSTANCES).map(|_| random.hash()).collect();
            (Id::new(random.bytes()), results)
        });
        let challenges = challenges.collect();
        Self {
            run_id: Id::new(random.bytes()),
            challenges,
            answers: (0..ANSWERS).map(|_| Id::new(random.bytes())).collect(),
        }
    }

    /// A run, its challenges and its answers, committed to a lake.
    pub fn committed(writer: &mut Writer) -> Self {
        let mut random = Random(1);
        let mut draft = writer.begin("what the grades point at");
        let (run_id, database_id) = begin_run(&mut draft);
        let challenges = (0..CHALLENGES).map(|position| {
            let body = challenge(run_id, database_id, position, &mut random);
            let results = body.instances.iter().map(|it| it.result_hash).collect();
            (draft.append(&event(body)).unwrap(), results)
        });
        let challenges: Vec<Asked> = challenges.collect();
        let answers = (0..ANSWERS).map(|place| {
            let challenge_id = challenges[place % CHALLENGES].0;
            let body = answer(run_id, challenge_id, place, &mut random);
            draft.append(&event(body)).unwrap()
        });
        let answers = answers.collect();
        draft.commit().unwrap();
        Self {
            run_id,
            challenges,
            answers,
        }
    }
}

/// An event of iteration 1 around `body`.
pub fn event<K>(body: K) -> Event<K> {
    Event {
        iteration: 1,
        body,
        observed: Observed {
            recorded_at: Time(NOW_US),
            host: "linux x86_64, Example Processor 9000 @ 2.00GHz".to_owned(),
            duration_us: Some(1_234),
            cost_microusd: None,
        },
    }
}

/// Appends what an answer points at: a run and a challenge.
pub fn challenge_alone(
    draft: &mut Draft<'_>,
    random: &mut Random,
) -> (Id<RunStarted>, Id<Challenge>) {
    let (run_id, database_id) = begin_run(draft);
    let body = challenge(run_id, database_id, 0, random);
    (run_id, draft.append(&event(body)).unwrap())
}

fn begin_run(draft: &mut Draft<'_>) -> (Id<RunStarted>, Id<Database>) {
    let run_id = draft.append(&event(run())).unwrap();
    (run_id, draft.append(&event(database(run_id))).unwrap())
}

fn run() -> RunStarted {
    RunStarted {
        name: "bench".to_owned(),
        parent_run_id: None,
        parent_iteration: None,
        seed: 7,
        teacher: "offline".to_owned(),
        student: "nano".to_owned(),
        base_hash: ContentHash::of(b"base"),
        suite_hash: None,
        settings: Vec::new(),
        code_version: "0.1.0".to_owned(),
    }
}

fn database(run_id: Id<RunStarted>) -> Database {
    Database {
        run_id: Some(run_id),
        name: "Hotel".to_owned(),
        source: "generated".to_owned(),
        domain: "hotel".to_owned(),
        maker: "domains 1".to_owned(),
        seed: Some(11),
        file_hash: None,
        sample_blob: None,
        schema_sql: "create table bookings(booking_id integer primary key, price text)".to_owned(),
        shape_hash: ContentHash::of(b"shape"),
        tables: Vec::new(),
        instances: Vec::new(),
    }
}

fn challenge(
    run_id: Id<RunStarted>,
    database_id: Id<Database>,
    position: usize,
    random: &mut Random,
) -> Challenge {
    let instances = (0..INSTANCES).map(|seed| ReferenceResult {
        seed: seed as i64,
        script_hash: random.hash(),
        rows: random.below(40) as i64,
        result_hash: random.hash(),
        steps: random.below(9_000) as i64,
        mutants_killed: random.below(12) as i64,
    });
    Challenge {
        run_id: Some(run_id),
        database_id,
        purpose: Purpose::Train,
        position: position as i64,
        category: "Aggregation".to_owned(),
        difficulty: "medium".to_owned(),
        intent: None,
        phrasing: None,
        instances: instances.collect(),
        family_hash: random.hash(),
        signature_hash: random.hash(),
        question: format!("What did each guest of group {position} pay in all?"),
        as_of_date: None,
        reference_sql: "select guest, sum(price) from bookings group by guest".to_owned(),
        ordered: false,
        requirements: vec!["clean_numeric".to_owned()],
        mutants: 20,
        mutants_killed: 20,
        seed: Some(position as i64),
        teacher: "offline".to_owned(),
        teacher_call_id: None,
        sibling_of_challenge_id: None,
    }
}

/// A short answer; those of different places differ.
pub fn answer(
    run_id: Id<RunStarted>,
    challenge_id: Id<Challenge>,
    place: usize,
    random: &mut Random,
) -> Answer {
    let sql = format!("select guest, sum(price) from bookings where room > {place} group by 1");
    Answer {
        run_id: Some(run_id),
        challenge_id,
        checkpoint_id: None,
        purpose: Purpose::Train,
        sample: place as i64,
        prompt_hash: random.hash(),
        prompt_tokens: 412,
        text: format!("```sql\n{sql}\n```"),
        sql: Some(sql),
        output_tokens: 31,
        finish_reason: "stop".to_owned(),
        temperature: 0.0,
        seed: None,
    }
}

/// Gives one grade after the other; no two have the same id.
pub struct Grades {
    targets: Targets,
    pool: Vec<Event<Grade>>,
    random: Random,
    next: u64,
}

impl Grades {
    /// Grades with evidence from `instances` instances.
    pub fn new(targets: Targets, instances: usize) -> Self {
        let mut random = Random(2);
        let pool = (0..POOL).map(|_| event(grade(&targets, instances, &mut random)));
        Self {
            pool: pool.collect(),
            targets,
            random,
            next: 0,
        }
    }

    /// The next grade. It is one of the pool whose ids, hashes and numbers are new, so
    /// that making it costs little next to recording it.
    pub fn next(&mut self, iteration: u32) -> &Event<Grade> {
        let number = self.next;
        self.next += 1;
        let random = &mut self.random;
        let event = &mut self.pool[number as usize % POOL];
        event.iteration = iteration;
        event.observed.recorded_at = Time(NOW_US + number as i64 * 730);
        event.observed.duration_us = Some(300 + random.below(5_000) as i64);
        let body = &mut event.body;
        let (challenge_id, results) = &self.targets.challenges[number as usize % CHALLENGES];
        body.challenge_id = *challenge_id;
        body.answer_id = self.targets.answers[number as usize % ANSWERS];
        body.score = match body.verdict.as_str() {
            "equivalent" => 80 + random.below(21) as i64,
            "different" => random.below(80) as i64,
            _ => 0,
        };
        body.partial_credit = body.score as f64 / 100.0;
        for (evidence, result) in body.instances.iter_mut().zip(results) {
            evidence.steps = 1_000 + random.below(50_000) as i64;
            evidence.result_hash = match evidence.status.as_str() {
                "equal" => Some(*result),
                "different" => Some(random.hash()),
                _ => None,
            };
        }
        // An odd factor takes no two numbers below 2^24 to the same steps.
        body.instances[0].steps = (number.wrapping_mul(0x9e_3779b1) % (1 << 24)) as i64;
        event
    }
}

fn grade(targets: &Targets, instances: usize, random: &mut Random) -> Grade {
    let verdict = match random.below(20) {
        0..12 => "equivalent",
        12..17 => "different",
        _ => "error",
    };
    let equivalent = verdict == "equivalent";
    let purpose = match random.below(50) {
        0 => Purpose::Sentinel,
        1..6 => Purpose::Eval,
        _ => Purpose::Train,
    };
    let instances = (0..instances).map(|place| evidence(place, verdict, random));
    let instances = instances.collect();
    let practices = ["clean_numeric", "no_select_star", "explicit_join"];
    let practices = practices.iter().map(|name| Practice {
        name: (*name).to_owned(),
        points: random.below(5) as i64,
        points_max: 5,
    });
    let practices = practices.filter(|_| equivalent).collect();
    let wrong = |text: String| (!equivalent).then_some(text);
    Grade {
        run_id: Some(targets.run_id),
        challenge_id: Id::new([0; 32]),
        answer_id: Id::new([0; 32]),
        purpose,
        score: 0,
        equivalent,
        executed: verdict != "error",
        verdict: verdict.to_owned(),
        error_class: wrong(
            random
                .pick(&["join", "filter", "syntax", "column"])
                .to_owned(),
        ),
        error_message: (verdict == "error")
            .then(|| format!("no such column: price_{}", random.below(999))),
        partial_credit: 0.0,
        practices,
        instances,
        grader_version: "grader 1".to_owned(),
        sqlite_source: "2026-01-01 00:00:00 6e1f1b7a0e0c4d2f8a9b3c5d7e9f0a1b2c3d4e5f".to_owned(),
        judge_score: None,
        judge_call_id: None,
        correction_sql: wrong(format!(
            "select guest, sum(cast(replace(price, '$', '') as real)) as total from bookings \
             where room >= {} group by guest order by total desc",
            random.below(9_999)
        )),
        explanation: wrong(format!(
            "The price is text such as $1,234.50: clean it before you sum it. {} rows differ.",
            random.below(500)
        )),
        correction_call_id: None,
    }
}

fn evidence(place: usize, verdict: &str, random: &mut Random) -> InstanceEvidence {
    let status = match verdict {
        "equivalent" => "equal",
        "different" => random.pick(&["equal", "different", "different"]),
        _ => "error",
    };
    let difference = || format!("(Ann, 12.5) and (Bob, {})", random.below(10_000));
    InstanceEvidence {
        seed: place as i64,
        status: status.to_owned(),
        first_difference: (status == "different").then(difference),
        rows: random.below(40) as i64,
        result_hash: None,
        steps: 0,
    }
}
