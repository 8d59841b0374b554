//! YTEMPIRE: an autonomous YouTube content system on an actor-system engine.
//!
//! One person runs many channels on one workstation. Each channel finds topics, chooses one, writes
//! a script, narrates it, renders a video and publishes it. Every decision is in a durable journal
//! before anything follows from it, so the process can be killed at any moment and goes on.
//!
//! # The map of the house
//!
//! Each part knows only those above it; `tests/tidy/imports.rs` holds the table and checks it.
//!
//! - [`domain`]: what channels, workflows and stages are, and what may happen to them. Pure.
//! - [`craft`]: the skill of making videos: scoring, writing, layouts, captions, music. Pure.
//! - [`ports`]: what the engine needs from the outside, as traits.
//! - [`worker`]: the child process for native media work, as its parent sees it.
//! - [`config`]: `ytempire.toml` as typed, checked data.
//! - [`telemetry`]: what the program says about itself.
//! - [`supervision`]: child specs, restarts, shutdown, handles, after Erlang/OTP.
//! - [`journal`]: frames, segments, the one writer, the fold, checkpoints, and the store beside.
//! - [`media`]: pictures and sound into video, in the child process only.
//! - [`adapters`]: the ports carried out.
//! - [`gpu`]: the broker, who may use how much of the machine.
//! - [`feed`]: commits and ticks, handed to whoever follows.
//! - [`actors`]: thin shells around the domain.
//! - [`http`]: the orchestrator API of a running node.
//! - [`simulate`]: whole runs of the engine from one seed.
//! - [`cli`]: the commands, and the one place where ports and adapters meet.
//!
//! # Reading order
//!
//! For the engine: [`domain::workflow`], [`domain::event`], [`domain::decide`], [`domain::pending`];
//! then [`actors::channel`] and [`actors::stage`]; then [`journal::writer`] and [`journal::fold`];
//! then [`supervision`]; at last [`cli::run`], which puts it together.
//!
//! For the videos: [`craft::scoring`], [`craft::writer`], [`craft::layout`], [`craft::film`]; then
//! [`media::sound`] and [`media::render`].
//!
//! `ARCHITECTURE.md` follows one video through the files; `docs/guarantees.md` says what is
//! promised and which test proves it.
//!
//! # Glossary
//!
//! One name for one thing, here and in every message, file and test.
//!
//! - **Channel**: what makes videos: a niche, a voice, a look, sources of topics.
//! - **Workflow**: the making of one video, from the command that starts it to its ending.
//! - **Stage**: one of its five steps: trend, script, narration, render, upload.
//! - **Attempt**: one try at a stage; the number rises with every start and fences older ones off.
//! - **Take**: which result of a stage is meant; a retry asked for by a person raises it.
//! - **Command**, **event**: what is asked for; what was decided.
//! - **Frame**: the events of one decision, as the journal holds them.
//! - **Commit**: what a frame says, in the domain's types.
//! - **Acknowledged**: on the disk.
//! - **Sequence number**: the place of an event in the journal, counted without gaps.
//! - **Generation**: which life of a channel's actor a frame comes from.
//! - **Incarnation**: which life of any actor.
//! - **Fold**: the state that all acknowledged frames add up to.
//! - **Checkpoint**: the fold up to a moment, as a file, so that older segments may go.
//! - **Store**: snapshots and rows for queries, in sled; it follows the fold.
//! - **Effect**: what is due now, computed from the state: run a stage, wake up, wait for a person.
//! - **Ticket**: names one attempt of one stage of one workflow.
//! - **Lease**: the right to use slots of the machine for a while.
//! - **Parked**: not tried any more until a person asks for it.
//! - **Workbench**: the folder in which one piece of work is done.
//! - **Artifact**: an output of a stage, inside the event when small, a file otherwise.
//! - **Topic**: what a video is about: the stories of several sources that tell the same.
//! - **Timeline**: what is rendered: scenes, sound and captions, as data.
//! - **Tick**: news that may be lost, such as progress.

pub mod actors;
pub mod adapters;
pub mod cli;
pub mod config;
pub mod craft;
pub mod domain;
pub mod feed;
pub mod gpu;
pub mod http;
pub mod journal;
pub mod media;
pub mod ports;
pub mod simulate;
pub mod supervision;
pub mod telemetry;
pub mod worker;
