//! How actors are named: by the path through the tree, never by an id of the engine.
//!
//! Architecture invariant: a path means the same actor over all its restarts; the incarnation says
//! which life of it is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The name of a child among its siblings. Never empty, never holds a `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(Arc<str>);

impl ChildId {
    /// Takes a name. A `/` would change the shape of the tree and becomes `_`, and so does an empty
    /// name.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        let name = name.as_ref().replace('/', "_");
        if name.is_empty() { Self(Arc::from("_")) } else { Self(Arc::from(name)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ChildId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The place of an actor in the tree, for example `/channels/space/renderer`; the root is `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorPath(Arc<str>);

impl ActorPath {
    /// The path of the root of the tree.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::from("/"))
    }

    /// The path of a child of this actor.
    #[must_use]
    pub fn child(&self, id: &ChildId) -> Self {
        let parent = self.0.trim_end_matches('/');
        Self(Arc::from(format!("{parent}/{id}")))
    }

    /// The name of this actor among its siblings; the root's is `_`.
    #[must_use]
    pub fn id(&self) -> ChildId {
        let last = self.0.rsplit('/').next().unwrap_or_default();
        ChildId::new(last)
    }

    /// Whether this actor is somewhere below the one at `ancestor`.
    #[must_use]
    pub fn is_below(&self, ancestor: &Self) -> bool {
        let above = ancestor.0.trim_end_matches('/');
        let below = self.0.strip_prefix(above).and_then(|rest| rest.strip_prefix('/'));
        below.is_some_and(|rest| !rest.is_empty())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ActorPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Which life of an actor is meant: the first start is 1, every further start (a failed one too)
/// is one more; 0 is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_from_the_root_down() {
        let channel = ActorPath::root().child(&"channels".into()).child(&"space".into());
        assert_eq!(channel.as_str(), "/channels/space");
        assert_eq!(channel.id().as_str(), "space");
    }

    #[test]
    fn below_are_all_descendants_and_nobody_of_a_similar_name() {
        let space = ActorPath::root().child(&"space".into());
        let renderer = space.child(&"renderer".into());
        assert!(renderer.is_below(&space) && renderer.is_below(&ActorPath::root()));
        assert!(!space.is_below(&space) && !space.is_below(&renderer));
        assert!(!ActorPath::root().child(&"spaceship".into()).is_below(&space));
        assert!(!ActorPath::root().is_below(&ActorPath::root()));
    }

    #[test]
    fn a_name_cannot_add_a_level_to_the_tree() {
        assert_eq!(ActorPath::root().child(&"a/b".into()).as_str(), "/a_b");
        assert_eq!(ChildId::new("").as_str(), "_");
    }
}
