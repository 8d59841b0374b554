//! Panics as values, for parents that have something to put in order before they fail.
//!
//! Architecture invariant: a caught panic is never swallowed: whoever catches it fails with its text.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs `work` to its end; a panic in it becomes an error with the panic's text.
///
/// # Errors
/// What the panic said.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
    })
    .await
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "panicked without a text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_text() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let panicking = async { panic!("it {}", "broke") };
        assert_eq!(caught::<()>(panicking).await, Err("it broke".to_owned()));
        let plain = async { panic!("it broke") };
        assert_eq!(caught::<()>(plain).await, Err("it broke".to_owned()));
    }
}
