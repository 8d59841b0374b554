//! The API as a client meets it: a real server on loopback, over a real tree and a real journal.
//! Only the work of the stages is a stand-in.

mod bench;
mod commands;
mod contract;
mod hostile;
mod pages;
mod site;
mod test_desk;
