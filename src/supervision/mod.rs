//! Supervision in the manner of Erlang/OTP over ractor, which itself restarts nothing.
//!
//! Architecture invariant: no actor is known here by name; what a child is comes with its spec.
