//! `ytempire.toml` as typed, validated data.
