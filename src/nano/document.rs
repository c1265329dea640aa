//! One document of the corpus: a database, and what it is asked in turn.
//!
//! Several statements share one outline, so that more of what is read is learned: the
//! outline is most of a document. A student is examined on first turns only.

use crate::base::canonical::write_sized;
use crate::base::id::ContentHash;
use crate::base::seed::Random;
use crate::database::outline::outline;
use crate::database::schema::Schema;
use crate::grading::signature::{family, is_for_evaluation};
use crate::student::error::StudentError;
use crate::student::message::Message;
use crate::teacher::draft::{Category, Difficulty, Draft};
use crate::teacher::held_out::trained_phrasings;
use crate::teacher::offline::{Grammar, Intent, everyday_intents};
use crate::train::example::TokenExample;

use super::pseudo::pseudo_question;
use super::vocabulary::{BOS, EOS};
use super::withheld::is_withheld;

/// Of general questions, in percent: those that don't say what comes out. Without any, a base
/// takes what people ask for a tongue.
const SHORT_PERCENT: usize = 25;

/// What a turn teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A teacher's question and its statement.
    Question,
    /// What people ask in passing.
    Everyday,
    /// A question that says in made-up words what is asked for.
    Cipher,
    /// A muddle of words and the statement that they come from.
    Pseudo,
    /// A statement without any question.
    Statement,
}

impl Kind {
    /// Its name in counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Everyday => "everyday",
            Self::Cipher => "cipher",
            Self::Pseudo => "pseudo_question",
            Self::Statement => "statement",
        }
    }
}

/// A question and its statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it teaches.
    pub kind: Kind,
    /// What is asked; nothing for a statement alone.
    pub question: String,
    /// The statement that is learned.
    pub sql: String,
}

impl Turn {
    /// What the base is taught of an intent: if it is withheld, not its questions. `None`
    /// if the schema has nothing that the intent could ask about, or the family is kept
    /// for evaluation.
    pub fn of(
        intent: &Intent,
        grammar: &Grammar,
        (schema, shape): (&Schema, [u8; 32]),
        random: &mut Random,
    ) -> Option<Self> {
        let difficulty = *random.pick(&Difficulty::ALL)?;
        let kind = kind_of(intent, random);
        let seed = random.seed();
        let phrasings = trained_phrasings(intent);
        let draft = match kind {
            Kind::Question if is_in_short(intent, SHORT_PERCENT, random) => {
                grammar.draft_in_short(intent, difficulty, &phrasings, seed)?
            }
            Kind::Question => grammar.draft(intent, difficulty, &phrasings, seed)?,
            Kind::Pseudo | Kind::Statement => grammar.draft_unasked(intent, difficulty, seed)?,
            _ => grammar.draft_in_cipher(intent, difficulty, &phrasings, seed)?,
        };
        if is_for_evaluation(family(&draft.template, shape)) {
            return None;
        }
        let question = match kind {
            Kind::Question | Kind::Everyday | Kind::Cipher => draft.question,
            Kind::Pseudo => pseudo_question(&draft.reference_sql, schema, random),
            Kind::Statement => String::new(),
        };
        Some(Self {
            kind,
            question,
            sql: draft.reference_sql,
        })
    }

    /// What people ask in passing. `None` as for [`Self::of`].
    pub fn everyday(grammar: &Grammar, shape: [u8; 32], random: &mut Random) -> Option<Self> {
        let intent = random.pick(everyday_intents())?;
        let draft = grammar.draft_everyday(intent, random.seed())?;
        let is_kept = is_for_evaluation(family(&draft.template, shape));
        (!is_kept).then_some(Self {
            kind: Kind::Everyday,
            question: draft.question,
            sql: draft.reference_sql,
        })
    }

    /// A question and its statement as they are.
    pub fn asked(draft: &Draft) -> Self {
        Self {
            kind: Kind::Question,
            question: draft.question.clone(),
            sql: draft.reference_sql.clone(),
        }
    }
}

/// A database in outline, and turns over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The outline.
    pub outline: String,
    /// The turns, at least one.
    pub turns: Vec<Turn>,
}

impl Document {
    /// It as bytes that tell it from any other.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        self.write(&mut bytes);
        bytes
    }

    /// Writes these bytes.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        write_sized(self.outline.as_bytes(), bytes);
        for turn in &self.turns {
            write_sized(turn.question.as_bytes(), bytes);
            write_sized(turn.sql.as_bytes(), bytes);
        }
    }

    /// It as a chat.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(2 * self.turns.len());
        for (place, turn) in self.turns.iter().enumerate() {
            messages.push(Message::user(self.asked(place)));
            messages.push(Message::assistant(turn.sql.as_str()));
        }
        messages
    }

    /// It as the tokens that the template makes of the chat, as many turns as `max_tokens`
    /// hold; `None` if they don't hold one. Every statement is learned.
    ///
    /// # Errors
    /// What `read` says, which gives the ids of a text.
    pub fn encode(
        &self,
        mut read: impl FnMut(&str) -> Result<Vec<u32>, StudentError>,
        max_tokens: usize,
    ) -> Result<Option<TokenExample>, StudentError> {
        let (mut tokens, mut learned) = (Vec::new(), Vec::new());
        for (place, turn) in self.turns.iter().enumerate() {
            // Turns end with a token that nothing is merged with, so they can be read one
            // by one, which a template would not know.
            let begin = if place == 0 { BOS } else { "" };
            let asked = read(&format!("{begin}{}\nA:", self.asked(place)))?;
            let answer = read(&format!("{}{EOS}", turn.sql))?;
            if tokens.len() + asked.len() + answer.len() > max_tokens {
                break;
            }
            tokens.extend(asked);
            learned.push(tokens.len()..tokens.len() + answer.len());
            tokens.extend(answer);
        }
        let id = ContentHash::of(&self.to_bytes());
        Ok((!learned.is_empty()).then_some(TokenExample {
            id,
            tokens,
            learned,
            branches: Vec::new(),
        }))
    }

    fn asked(&self, place: usize) -> String {
        let question = &self.turns[place].question;
        match place {
            0 => first_turn(&self.outline, question),
            _ => format!("Q: {question}"),
        }
    }
}

/// What the embedded base is asked: the database in outline, and the question.
pub fn prompt(schema: &Schema, question: &str) -> String {
    first_turn(&outline(schema), question)
}

fn first_turn(outline: &str, question: &str) -> String {
    format!("{outline}\nQ: {question}")
}

/// Whether a question does not say what comes out: of general ones so many in a hundred.
pub fn is_in_short(intent: &Intent, percent: usize, random: &mut Random) -> bool {
    // Only what comes out tells these two apart where a phrasing is new.
    let needs_outputs = matches!(intent.name, "row_list" | "distinct_values");
    let may = intent.category == Category::General && !needs_outputs;
    may && percent > 0 && random.chance(percent)
}

fn kind_of(intent: &Intent, random: &mut Random) -> Kind {
    let percent = random.below(100);
    if !is_withheld(intent.name) {
        return match percent {
            0..87 => Kind::Question,
            87..97 => Kind::Pseudo,
            _ => Kind::Statement,
        };
    }
    // In trials, muddled words gave these two away: they were answered untaught.
    let tells_too_much = matches!(intent.category, Category::Cleaning | Category::TimeSeries);
    match percent {
        0..64 => Kind::Cipher,
        64..86 if !tells_too_much => Kind::Pseudo,
        _ => Kind::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nano::vocabulary;
    use crate::student::chat_template::ChatTemplate;
    use crate::student::prompt::Prompts;
    use crate::student::tokenizer::Tokenizer;
    use std::path::Path;

    #[test]
    fn a_document_is_read_as_its_chat_would_be_and_every_statement_is_learned() {
        let turn = |question: &str, sql: &str| Turn {
            kind: Kind::Question,
            question: question.to_owned(),
            sql: sql.to_owned(),
        };
        let document = Document {
            outline: "orders(id key, total money)".to_owned(),
            turns: vec![
                turn("How many orders?", "SELECT COUNT(*) FROM orders"),
                turn("", "SELECT id FROM orders WHERE total > 12"),
                turn("total of orders", "SELECT SUM(total) FROM orders"),
            ],
        };
        let texts = document.messages().into_iter().map(|it| it.content);
        let texts: Vec<String> = texts.cycle().take(60).collect();
        let learned = vocabulary::learn(texts.into_iter(), 320).unwrap();
        let tokenizer = Tokenizer::parse(Path::new("t"), learned.as_bytes(), 320).unwrap();
        let config = vocabulary::config(512).to_string();
        let template = ChatTemplate::find(Some((Path::new("c"), config.as_bytes())), None);
        let prompts = Prompts::new(tokenizer, template.unwrap(), vec![1]);
        let read = |text: &str| prompts.tokenizer().encode(text, false);
        for count in 1..=3 {
            let part = Document {
                turns: document.turns[..count].to_vec(),
                ..document.clone()
            };
            let all = part.encode(read, 512).unwrap().unwrap();
            let chat = prompts.chat_example(&part.messages()).unwrap();
            assert_eq!(all.tokens, chat.ids);
            assert_eq!(all.learned.len(), count);
            assert_eq!(all.learned[count - 1], chat.prompt_len..chat.ids.len());
            // What does not fit is left out, and what fits is not cut.
            let one_less = document.encode(read, all.tokens.len()).unwrap().unwrap();
            assert_eq!(one_less.tokens, all.tokens);
        }
        assert_eq!(document.encode(read, 8).unwrap(), None);
    }
}
