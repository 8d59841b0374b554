//! The built-in embedder: hashed words and pieces of words. No language model; it knows forms of
//! words, not synonyms.

use async_trait::async_trait;

use crate::craft::embedding::{BUILT_IN, embed};
use crate::domain::embedding::Embedding;
use crate::domain::failure::Failure;
use crate::ports::embedder::Embedder;

/// Embeds by hashing, at once and without anything from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashedEmbedder;

#[async_trait]
impl Embedder for HashedEmbedder {
    fn describe(&self) -> String {
        BUILT_IN.to_owned()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure> {
        Ok(texts.iter().map(|text| embed(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_text_gets_its_vector_in_order() {
        let texts = ["Onions make you cry".to_owned(), String::new(), "Sliced onions".to_owned()];
        let vectors = HashedEmbedder.embed(&texts).await.unwrap();
        assert_eq!(vectors.len(), 3);
        assert_eq!(vectors[0], embed(&texts[0]));
        assert!(vectors[0].cosine(&vectors[2]) > vectors[0].cosine(&vectors[1]));
    }
}
