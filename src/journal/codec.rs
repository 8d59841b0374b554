//! The only place that knows bincode.
//!
//! bincode 2.0.1 is small and frozen, but trusting: a length in nine hostile bytes aborts the
//! process unless a limit is set, and a flipped bit mostly decodes to a wrong value without an
//! error. So there is one configuration, always with a limit, and callers check length and checksum
//! (the frame's, the row's, the manifest's) before they come here.
//!
//! Architecture invariant: no bytes are decoded without the limit, and none may be left over. Types
//! that pass here are not recursive and have no zero-sized elements (both defeat the limit).

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes that one encoded value may take.
pub const LIMIT: usize = 4 << 20;

/// Bytes that most encoded values take at the most.
const USUAL: usize = 4 << 10;

/// The most bytes that decoding may claim. bincode counts a number by its size in memory, which is
/// up to 16 times what it takes when encoded, so that with [`LIMIT`] alone values could be written
/// that are never read again.
const CLAIM_LIMIT: usize = 16 * LIMIT;

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<CLAIM_LIMIT>,
> = bincode::config::standard().with_limit::<CLAIM_LIMIT>();

/// A value that cannot be encoded, or bytes that are not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be written.
    #[error("cannot encode: {0}")]
    Encode(String),
    /// The value takes more than [`LIMIT`] bytes.
    #[error("encoded value has {0} bytes, at most {LIMIT} are allowed")]
    TooLarge(usize),
    /// The bytes are not a value of this type, or claim too much.
    #[error("cannot decode: {0}")]
    Decode(String),
    /// Bytes are left over after the value.
    #[error("{0} bytes are left over after the decoded value")]
    Trailing(usize),
}

impl CodecError {
    /// A stable name for feed, CLI and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encode(_) => "encode_failed",
            Self::TooLarge(_) => "encoded_too_large",
            Self::Decode(_) => "decode_failed",
            Self::Trailing(_) => "decode_trailing_bytes",
        }
    }
}

/// The bytes of `value`.
///
/// # Errors
/// [`CodecError::Encode`] or [`CodecError::TooLarge`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    // Most values are some kilobytes: growing to there step by step would copy them again and again.
    let mut bytes = Vec::with_capacity(USUAL);
    #[expect(clippy::disallowed_methods, reason = "this is the one place that encodes")]
    bincode::serde::encode_into_std_write(value, &mut bytes, CONFIG)
        .map_err(|error| CodecError::Encode(error.to_string()))?;
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// The value that `bytes` are, all of them.
///
/// # Errors
/// [`CodecError::Decode`], [`CodecError::Trailing`] or [`CodecError::TooLarge`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    #[expect(clippy::disallowed_methods, reason = "this is the one place that decodes")]
    let decoded = bincode::serde::decode_from_slice(bytes, CONFIG);
    let (value, used): (T, usize) =
        decoded.map_err(|error| CodecError::Decode(error.to_string()))?;
    if used != bytes.len() {
        return Err(CodecError::Trailing(bytes.len().saturating_sub(used)));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Sample {
        name: String,
        numbers: Vec<u64>,
        maybe: Option<i32>,
    }

    #[test]
    fn a_claimed_length_beyond_the_limit_is_an_error_not_an_abort() {
        let claims_2_to_the_62 = [253, 0, 0, 0, 0, 0, 0, 0, 64];
        assert!(matches!(decode::<String>(&claims_2_to_the_62), Err(CodecError::Decode(_))));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7u32).unwrap();
        bytes.push(0);
        assert_eq!(decode::<u32>(&bytes), Err(CodecError::Trailing(1)));
    }

    #[test]
    fn what_is_too_large_to_be_read_is_not_written() {
        assert!(encode(&vec![1u8; LIMIT + 1]).is_err());
    }

    #[test]
    fn what_is_small_enough_to_be_written_can_be_read() {
        let small_numbers = vec![1_u64; LIMIT - 10];
        let bytes = encode(&small_numbers).unwrap();
        assert_eq!(decode::<Vec<u64>>(&bytes), Ok(small_numbers));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(name: String, numbers: Vec<u64>, maybe: Option<i32>) {
            let sample = Sample { name, numbers, maybe };
            prop_assert_eq!(decode::<Sample>(&encode(&sample).unwrap()), Ok(sample));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode::<Sample>(&bytes);
        }
    }
}
