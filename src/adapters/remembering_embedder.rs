//! An embedder that remembers what it was answered, in front of another.
//!
//! Why it exists: a channel asks about the same stories and told topics for every video, and the
//! embedder may be a model in a child process with a lease; only what is new needs it.
//!
//! Architecture invariant: a vector is only found again under the text and the embedder that gave it,
//! and nothing is kept of a failure. A model that rounds by who else is in a batch gives the vector of
//! the first time.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use lru::LruCache;

use crate::domain::embedding::Embedding;
use crate::domain::failure::Failure;
use crate::ports::embedder::Embedder;

/// How many vectors are kept, those that were wanted last: some 20 MB of 512 numbers each.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// A digest of an embedder's name and a text.
type Key = [u8; 32];

/// What embedders have answered: one for all channels of a node. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddingMemory(Arc<Mutex<LruCache<Key, Embedding>>>);

impl Default for EmbeddingMemory {
    fn default() -> Self {
        Self::of(KEPT)
    }
}

impl EmbeddingMemory {
    /// One that keeps so many vectors.
    #[must_use]
    pub fn of(kept: NonZeroUsize) -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(kept))))
    }

    /// `embedder`, with this memory in front.
    #[must_use]
    pub fn in_front_of(&self, embedder: Arc<dyn Embedder>) -> RememberingEmbedder {
        RememberingEmbedder { memory: self.clone(), embedder }
    }

    fn recall(&self, keys: &[Key]) -> Vec<Option<Embedding>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| known.get(key).cloned()).collect()
    }

    fn keep(&self, answers: impl IntoIterator<Item = (Key, Embedding)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, answer) in answers {
            known.put(key, answer);
        }
    }
}

/// Asks its embedder only about texts it does not remember.
pub struct RememberingEmbedder {
    memory: EmbeddingMemory,
    embedder: Arc<dyn Embedder>,
}

#[async_trait]
impl Embedder for RememberingEmbedder {
    fn describe(&self) -> String {
        self.embedder.describe()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure> {
        let name = self.embedder.describe();
        let keys: Vec<Key> = texts.iter().map(|text| key_of(&name, text)).collect();
        let mut found = self.memory.recall(&keys);
        // The same text may stand there twice; it is asked about once.
        let mut unknown: BTreeMap<Key, String> = BTreeMap::new();
        for ((key, text), answer) in keys.iter().zip(texts).zip(&found) {
            if answer.is_none() {
                unknown.entry(*key).or_insert_with(|| text.clone());
            }
        }
        if !unknown.is_empty() {
            let (asked, unknown): (Vec<Key>, Vec<String>) = unknown.into_iter().unzip();
            let answers = self.embedder.embed(&unknown).await?;
            let answers: BTreeMap<Key, Embedding> = asked.into_iter().zip(answers).collect();
            for (key, answer) in keys.iter().zip(&mut found) {
                if answer.is_none() {
                    *answer = answers.get(key).cloned();
                }
            }
            self.memory.keep(answers);
        }
        let missing = || Failure::transient("embedding_result", "a text has got no vector");
        found.into_iter().map(|answer| answer.ok_or_else(missing)).collect()
    }
}

fn key_of(embedder: &str, text: &str) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(embedder.len() as u64).to_le_bytes()).update(embedder.as_bytes());
    *hasher.update(text.as_bytes()).finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the length of the text, and notes what it was asked.
    struct Counting {
        name: &'static str,
        asked: Mutex<Vec<String>>,
        fails: bool,
    }

    #[async_trait]
    impl Embedder for Counting {
        fn describe(&self) -> String {
            self.name.to_owned()
        }

        async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure> {
            if self.fails {
                return Err(Failure::transient("down", "down"));
            }
            self.asked.lock().unwrap().extend(texts.iter().cloned());
            Ok(texts.iter().map(|text| Embedding::new(vec![1.0, text.len() as f32])).collect())
        }
    }

    fn counting(name: &'static str, fails: bool) -> Arc<Counting> {
        Arc::new(Counting { name, asked: Mutex::default(), fails })
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[tokio::test]
    async fn only_what_is_new_is_asked_and_every_answer_is_the_embedders_own() {
        let memory = EmbeddingMemory::default();
        let inner = counting("one", false);
        let embedder = memory.in_front_of(Arc::clone(&inner) as _);
        for asked in [texts(&["a", "bb", "a"]), texts(&["ccc", "bb"]), texts(&[])] {
            let answers = embedder.embed(&asked).await.unwrap();
            assert_eq!(answers, counting("one", false).embed(&asked).await.unwrap());
        }
        let mut asked = inner.asked.lock().unwrap().clone();
        asked.sort();
        assert_eq!(asked, ["a", "bb", "ccc"]);
    }

    #[tokio::test]
    async fn embedders_do_not_get_each_others_vectors_and_failures_are_not_kept() {
        let memory = EmbeddingMemory::default();
        let asked = texts(&["a"]);
        let failing = memory.in_front_of(counting("one", true));
        assert_eq!(failing.embed(&asked).await.unwrap_err().code, "down");
        memory.in_front_of(counting("one", false)).embed(&asked).await.unwrap();
        assert!(failing.embed(&asked).await.is_ok(), "it is remembered now");
        let other = counting("other", false);
        memory.in_front_of(Arc::clone(&other) as _).embed(&asked).await.unwrap();
        assert_eq!(*other.asked.lock().unwrap(), asked);
    }

    #[tokio::test]
    async fn what_was_not_wanted_for_longest_is_forgotten() {
        let memory = EmbeddingMemory::of(NonZeroUsize::new(2).unwrap());
        let inner = counting("one", false);
        let embedder = memory.in_front_of(Arc::clone(&inner) as _);
        for text in ["a", "b", "a", "c", "a", "b"] {
            embedder.embed(&texts(&[text])).await.unwrap();
        }
        assert_eq!(*inner.asked.lock().unwrap(), ["a", "b", "c", "b"]);
    }
}
