//! Who says what texts mean.

use async_trait::async_trait;

use crate::domain::embedding::Embedding;
use crate::domain::failure::Failure;

/// Turns texts into vectors that lie near each other when the texts mean the same.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// What it is, for the settings digest and the report: name and version. Vectors of embedders
    /// that describe themselves differently must not be compared.
    fn describe(&self) -> String;

    /// One vector for each of `texts`, in their order. The first line of a text is its title.
    ///
    /// # Errors
    /// [`Failure`], classed where it arises.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Failure>;
}
