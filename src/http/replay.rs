//! Commands with an `Idempotency-Key`: the same key gives the first answer again, and asks for
//! nothing twice.
//!
//! Requests with one key go one after the other, so that a repetition that comes too soon waits for
//! the first to be answered.
//!
//! Architecture invariant: a key answers one request only; used for another it is refused, and
//! nothing is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::answer::Answer;
use super::problem::Problem;
use crate::domain::artifact::Digest;
use crate::domain::ids::CommandId;
use crate::domain::timestamp::Timestamp;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many answers are kept at most; the oldest go first.
const MOST_KEPT: usize = 20_000;

#[derive(Debug, Clone)]
struct Kept {
    request: Digest,
    answer: Answer,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug, Default)]
struct Book {
    kept: BTreeMap<CommandId, Kept>,
    /// Keys by age.
    ages: BTreeMap<(Timestamp, CommandId), ()>,
    /// Requests under way, by key.
    turns: BTreeMap<CommandId, Turn>,
}

/// The answers that were given to commands with an id.
#[derive(Debug, Clone, Default)]
pub struct ReplayBook(Arc<Mutex<Book>>);

/// What a key stands for.
#[derive(Debug)]
pub enum Replay {
    /// It was answered before.
    Again(Answer),
    /// It is new: answer it, and [`FirstTime::keep`] the answer.
    First(FirstTime),
}

/// The right to answer a key; nobody else with the same key is served as long as it lives.
#[derive(Debug)]
pub struct FirstTime {
    book: ReplayBook,
    key: CommandId,
    request: Digest,
    turn: Option<OwnedMutexGuard<()>>,
}

impl FirstTime {
    /// Keeps the answer for whoever repeats the request.
    pub fn keep(&self, answer: &Answer, at: Timestamp) {
        let mut book = self.book.lock();
        let kept = Kept { request: self.request, answer: answer.clone() };
        book.kept.insert(self.key.clone(), kept);
        book.ages.insert((at, self.key.clone()), ());
        let oldest = at.minus(KEPT);
        while let Some(((age, _), ())) = book.ages.first_key_value() {
            if *age >= oldest && book.ages.len() <= MOST_KEPT {
                break;
            }
            if let Some(((_, key), ())) = book.ages.pop_first() {
                book.kept.remove(&key);
            }
        }
    }
}

impl Drop for FirstTime {
    fn drop(&mut self) {
        self.turn = None;
        self.book.forget_turn(&self.key);
    }
}

impl ReplayBook {
    /// Waits for the turn of `key`, and says what it stands for.
    ///
    /// # Errors
    /// 409 `idempotency_key_reused` when it was used for another request.
    pub async fn begin(&self, key: &CommandId, request: Digest) -> Result<Replay, Problem> {
        if let Some(outcome) = self.known(key, request) {
            return outcome.map(Replay::Again);
        }
        let turn = {
            let mut book = self.lock();
            Arc::clone(book.turns.entry(key.clone()).or_default())
        };
        let guard = turn.lock_owned().await;
        let first = FirstTime { book: self.clone(), key: key.clone(), request, turn: Some(guard) };
        match self.known(key, request) {
            Some(outcome) => outcome.map(Replay::Again),
            None => Ok(Replay::First(first)),
        }
    }

    fn known(&self, key: &CommandId, request: Digest) -> Option<Result<Answer, Problem>> {
        let book = self.lock();
        let kept = book.kept.get(key)?;
        if kept.request == request {
            return Some(Ok(kept.answer.clone()));
        }
        Some(Err(key_reused(key)))
    }

    /// Forgets the turn of a key that nobody has or waits for.
    fn forget_turn(&self, key: &CommandId) {
        let mut book = self.lock();
        let is_idle = book.turns.get(key).is_some_and(|turn| Arc::strong_count(turn) == 1);
        if is_idle {
            book.turns.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 409: the key was used for another request.
#[must_use]
pub fn key_reused(key: &CommandId) -> Problem {
    let detail = format!("the key {key} was used before for another request");
    Problem::new(409, "idempotency_key_reused", detail)
        .field("idempotency-key")
        .remedy("choose a new key for every new request")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> CommandId {
        CommandId::new(text).unwrap()
    }

    async fn first(book: &ReplayBook, name: &str, request: &str) -> FirstTime {
        match book.begin(&key(name), Digest::of(request.as_bytes())).await.unwrap() {
            Replay::First(first) => first,
            Replay::Again(answer) => panic!("{answer:?}"),
        }
    }

    #[tokio::test]
    async fn the_same_request_gives_the_same_answer_and_another_is_refused() {
        let book = ReplayBook::default();
        let answer = Answer::of_text(201, "{}".to_owned());
        first(&book, "k", "a").await.keep(&answer, Timestamp(1));
        let again = book.begin(&key("k"), Digest::of(b"a")).await.unwrap();
        assert!(matches!(again, Replay::Again(given) if given == answer));
        let reused = book.begin(&key("k"), Digest::of(b"b")).await.unwrap_err();
        assert_eq!((reused.status, &*reused.code), (409, "idempotency_key_reused"));
        assert!(book.lock().turns.is_empty());
    }

    #[tokio::test]
    async fn a_repetition_waits_for_the_first_and_takes_its_place_when_it_fails() {
        let book = ReplayBook::default();
        let going = first(&book, "k", "a").await;
        let second = book.clone();
        let waiting = tokio::spawn(async move { second.begin(&key("k"), Digest::of(b"a")).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(going);
        let outcome = waiting.await.unwrap().unwrap();
        assert!(matches!(outcome, Replay::First(_)));
        drop(outcome);
        assert!(book.lock().turns.is_empty());
    }

    #[tokio::test]
    async fn answers_go_after_seven_days() {
        let book = ReplayBook::default();
        let answer = Answer::of_text(200, "{}".to_owned());
        first(&book, "old", "a").await.keep(&answer, Timestamp(0));
        first(&book, "new", "a").await.keep(&answer, Timestamp(0).plus(KEPT).plus(KEPT));
        assert_eq!(book.lock().kept.len(), 1);
        first(&book, "old", "b").await;
    }
}
