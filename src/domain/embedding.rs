//! What a text means, as a point: texts on the same subject lie near each other.
//!
//! Why it exists: every embedder, built in or real, gives this one type, so that whoever compares
//! texts need not know which of them is at work.
//!
//! Architecture invariant: a vector has length 1, or 0 when its text says nothing; it is never
//! anything else, whatever an embedder answers.

/// A vector of length 1, or of zeros.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// `values`, brought to length 1. Zeros when they have no direction: all zero, or a number
    /// among them that is not finite.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Self {
        let length =
            values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
        let is_usable = length.is_finite() && length > 0.0;
        for value in &mut values {
            *value = if is_usable { (f64::from(*value) / length) as f32 } else { 0.0 };
        }
        Self(values)
    }

    /// The vector's numbers.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// How near two meanings are, in [-1, 1]: the cosine of the angle between them. 0 for vectors
    /// of different embedders (lengths), which say nothing about each other.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f64 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        let product: f32 = self.0.iter().zip(&other.0).map(|(one, two)| one * two).sum();
        f64::from(product).clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_no_direction_is_zero_and_like_nothing() {
        for values in [vec![], vec![0.0; 4], vec![1.0, f32::NAN], vec![f32::INFINITY, 1.0]] {
            let nothing = Embedding::new(values);
            assert!(nothing.values().iter().all(|value| *value == 0.0));
            assert_eq!(nothing.cosine(&nothing), 0.0);
        }
    }

    #[test]
    fn vectors_of_different_lengths_are_not_alike() {
        assert_eq!(Embedding::new(vec![1.0]).cosine(&Embedding::new(vec![1.0, 0.0])), 0.0);
    }

    proptest! {
        #[test]
        fn a_vector_has_length_one_and_is_most_like_itself(
            values in proptest::collection::vec(-1e6_f32..1e6, 1..20),
            others in proptest::collection::vec(-1e6_f32..1e6, 20),
        ) {
            let others = others[..values.len()].to_vec();
            let (one, other) = (Embedding::new(values), Embedding::new(others));
            let length: f32 = one.values().iter().map(|value| value * value).sum();
            prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-4);
            prop_assert!(one.cosine(&other) <= one.cosine(&one) + 1e-4 || length == 0.0);
            prop_assert_eq!(one.cosine(&other), other.cosine(&one));
        }
    }
}
