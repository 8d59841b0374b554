//! How making pictures, sound and video fails.
//!
//! One type for the whole of `media`, because its callers (the worker child and `ytempire render`)
//! ask the same three questions of every failure: whose fault is it, where is it, what helps.

use std::fmt;
use std::path::Path;

use crate::domain::failure::Failure;

/// Whose fault a [`MediaError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaFault {
    /// What was given is wrong (a timeline, a picture, a sound); it will be wrong again.
    Input,
    /// The machine lacks something (a font, an encoder); a person has to install it.
    Machine,
    /// The result could not be written (full disk, no permission); may succeed later.
    Output,
    /// The codec or renderer failed although its input looked right; may succeed later.
    Engine,
    /// Somebody asked for it to stop.
    Cancelled,
}

/// A failure of media work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MediaError {
    /// Whose fault it is.
    pub fault: MediaFault,
    /// Stable snake_case code, for example `picture_unreadable`.
    pub code: &'static str,
    /// Where it is: an element of the timeline (`scenes[2].image`), a file, or empty.
    pub place: String,
    /// What was wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, or empty.
    pub remedy: String,
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl MediaError {
    /// A failure for `fault`, with neither place nor remedy yet.
    #[must_use]
    pub fn new(fault: MediaFault, code: &'static str, message: impl fmt::Display) -> Self {
        Self {
            fault,
            code,
            place: String::new(),
            message: message.to_string(),
            remedy: String::new(),
        }
    }

    /// What was given is wrong.
    #[must_use]
    pub fn input(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(MediaFault::Input, code, message)
    }

    /// The machine lacks something.
    #[must_use]
    pub fn machine(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(MediaFault::Machine, code, message)
    }

    /// The result could not be written.
    #[must_use]
    pub fn output(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(MediaFault::Output, code, message)
    }

    /// The codec or renderer failed.
    #[must_use]
    pub fn engine(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(MediaFault::Engine, code, message)
    }

    /// Somebody asked for it to stop.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(MediaFault::Cancelled, "cancelled", "stopped on request")
    }

    /// The same failure at `place`, unless it already says where it is.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        if self.place.is_empty() {
            self.place = place.to_string();
        }
        self
    }

    /// The same failure in the file `path`, unless it already says where it is.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        self.at(path.display())
    }

    /// The same failure with advice.
    #[must_use]
    pub fn remedy(mut self, advice: impl fmt::Display) -> Self {
        self.remedy = advice.to_string();
        self
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        match error.fault {
            MediaFault::Input | MediaFault::Machine => Self::permanent(error.code, &error),
            // A full disk needs a person.
            MediaFault::Output if error.code == "disk_full" => Self::permanent(error.code, &error),
            MediaFault::Output | MediaFault::Engine => Self::transient(error.code, &error),
            MediaFault::Cancelled => Self::cancelled(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;

    #[test]
    fn says_where_what_and_what_to_do() {
        let error = MediaError::input("picture_unreadable", "not a picture")
            .at("scenes[2].image")
            .remedy("use a JPEG or PNG file");
        assert_eq!(error.to_string(), "scenes[2].image: not a picture; use a JPEG or PNG file");
    }

    #[test]
    fn the_first_place_is_kept() {
        let error = MediaError::input("x", "y").at("captions[0]").at("timeline");
        assert_eq!(error.place, "captions[0]");
    }

    #[test]
    fn bad_input_and_a_full_disk_are_never_retried_and_other_output_errors_are() {
        let bad = Failure::from(MediaError::input("a", "b"));
        let full = Failure::from(MediaError::output("disk_full", "b"));
        let other = Failure::from(MediaError::output("a", "b"));
        assert_eq!(bad.class, FailureClass::Permanent);
        assert_eq!(full.class, FailureClass::Permanent);
        assert_eq!(other.class, FailureClass::Transient);
        assert_eq!(Failure::from(MediaError::cancelled()).class, FailureClass::Cancelled);
    }
}
