//! The child process as its parent sees it: the protocol, spawning and killing.
