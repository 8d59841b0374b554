//! What a node's channels are made with: every adapter that they share, made once.
//!
//! Architecture invariant: two channels that are made here differ in nothing but their setup.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ChannelSetup;
use crate::actors::admission::Admission;
use crate::actors::channel::ChannelParts;
use crate::actors::empire::Empire;
use crate::actors::narrator::Narrator;
use crate::actors::renderer::{Renderer, VideoSettings};
use crate::actors::scriptwriter::Scriptwriter;
use crate::actors::stage_work::{StageTools, StageWork};
use crate::actors::trend_scout::TrendScout;
use crate::actors::uploader::Uploader;
use crate::adapters::child_embedder::ChildEmbedder;
use crate::adapters::execution_log::ExecutionLogFile;
use crate::adapters::offline::artifacts::LocalArtifacts;
use crate::adapters::offline::child::ChildRunner;
use crate::adapters::offline::embedder::HashedEmbedder;
use crate::adapters::offline::fonts::load_faces;
use crate::adapters::offline::images::DesignedCards;
use crate::adapters::offline::library::LocalLibrary;
use crate::adapters::offline::renderer::ChildRenderer;
use crate::adapters::offline::voice::FliteVoice;
use crate::adapters::offline::writer::ExtractiveWriter;
use crate::adapters::remembering_embedder::EmbeddingMemory;
use crate::cli::output::{CliError, Exit};
use crate::cli::settings::NodeSettings;
use crate::craft::typeset::Faces;
use crate::domain::retry::Policies;
use crate::domain::stage::StageName;
use crate::gpu::lease::Broker;
use crate::journal::fold::Fold;
use crate::journal::queue::JournalHandle;
use crate::ports::clock::{Clock, Entropy};
use crate::ports::embedder::Embedder;
use crate::ports::execution_log::ExecutionLog;
use crate::supervision::handle::Handle;
use crate::supervision::intensity::RestartPolicy;
use crate::telemetry::tick::TickSink;

/// What all channels of a node have in common.
pub(super) struct Ground {
    pub(super) empire: Empire,
    pub(super) journal: JournalHandle,
    pub(super) fold: Arc<Fold>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) ticks: TickSink,
    pub(super) admission: Admission,
}

/// Who does the work of a channel's stages.
pub type Works = BTreeMap<StageName, Arc<dyn StageWork>>;

/// Makes the works of a channel.
pub type WorksMaker = Arc<dyn Fn(&ChannelSetup) -> Works + Send + Sync>;

/// Makes the parts of channels.
pub(super) struct Workshop {
    pub(super) ground: Ground,
    policies: Arc<Policies>,
    artifacts: Arc<LocalArtifacts>,
    log: Option<Arc<dyn ExecutionLog>>,
    works: WorksMaker,
}

/// What the real works are made of.
struct Studio {
    video: VideoSettings,
    faces: Arc<Faces>,
    writer: Arc<ExtractiveWriter>,
    voice: Arc<FliteVoice>,
    images: Arc<DesignedCards>,
    renderer: Arc<ChildRenderer>,
    library: Arc<LocalLibrary>,
    broker: Broker,
    /// The program and the sentence model that its children run, if one is used.
    sentences: Option<(PathBuf, PathBuf)>,
    embeddings: EmbeddingMemory,
}

impl Workshop {
    /// A workshop for the node whose data folder is `root`, with `works` or the real ones.
    ///
    /// # Errors
    /// [`CliError`] when the font is missing or the program does not know where it is.
    pub(super) fn new(
        ground: Ground,
        root: &Path,
        settings: &NodeSettings,
        artifacts: LocalArtifacts,
        works: Option<WorksMaker>,
    ) -> Result<Self, CliError> {
        let log = settings.execution_log.clone();
        let works = match works {
            Some(works) => works,
            None => {
                let studio = Studio::new(&ground, root, settings, &artifacts)?;
                Arc::new(move |setup: &ChannelSetup| studio.works(setup)) as WorksMaker
            }
        };
        Ok(Self {
            ground,
            policies: Arc::new(settings.policies.clone()),
            artifacts: Arc::new(artifacts),
            log: log.map(|path| Arc::new(ExecutionLogFile::new(path)) as _),
            works,
        })
    }

    /// The parts of a channel.
    pub(super) fn parts(&self, setup: &ChannelSetup) -> ChannelParts {
        let ground = &self.ground;
        let empire = &ground.empire;
        ChannelParts {
            handle: Handle::new(empire.registry(), &empire.channel_path(&setup.profile.name)),
            journal: ground.journal.clone(),
            fold: Arc::clone(&ground.fold),
            policies: Arc::clone(&self.policies),
            rules: setup.rules.clone(),
            admission: ground.admission.clone(),
            entropy: Arc::clone(&ground.entropy),
            tools: StageTools {
                profile: Arc::new(setup.profile.clone()),
                clock: Arc::clone(&ground.clock),
                artifacts: Arc::clone(&self.artifacts) as _,
                broker: empire.broker.clone(),
                ticks: Arc::clone(&ground.ticks),
                execution_log: self.log.clone(),
            },
            works: (self.works)(setup),
            registry: Arc::clone(empire.registry()),
            stage_policy: RestartPolicy::default(),
        }
    }
}

impl Studio {
    fn new(
        ground: &Ground,
        root: &Path,
        settings: &NodeSettings,
        artifacts: &LocalArtifacts,
    ) -> Result<Self, CliError> {
        let faces = Arc::new(load_faces().map_err(|error| {
            CliError::new(Exit::Failed, error.code(), &error).remedy("apt-get install fonts-inter")
        })?);
        let program = std::env::current_exe()
            .map_err(|error| CliError::new(Exit::Failed, "program_unknown", error))?;
        let model = settings.sentence_model.clone();
        let sentences = model.map(|model| (program.clone(), model));
        let children = ChildRunner::new(program, settings.execution_log.clone());
        let library = LocalLibrary::new(root.join("library"), Arc::clone(&ground.clock));
        Ok(Self {
            video: settings.video,
            voice: Arc::new(FliteVoice::new(children.clone(), artifacts.voice_cache())),
            writer: Arc::new(ExtractiveWriter),
            images: Arc::new(DesignedCards::new(Arc::clone(&faces))),
            renderer: Arc::new(ChildRenderer::new(children, settings.encoding.clone())),
            library: Arc::new(library),
            broker: ground.empire.broker.clone(),
            faces,
            sentences,
            embeddings: EmbeddingMemory::default(),
        })
    }

    /// Who says what the stories of a channel mean.
    fn embedder(&self, setup: &ChannelSetup) -> Arc<dyn Embedder> {
        let embedder: Arc<dyn Embedder> = match &self.sentences {
            Some((program, model)) => Arc::new(ChildEmbedder::new(
                program.clone(),
                model.clone(),
                self.broker.clone(),
                setup.profile.id,
            )),
            None => Arc::new(HashedEmbedder),
        };
        Arc::new(self.embeddings.in_front_of(embedder))
    }

    fn works(&self, setup: &ChannelSetup) -> Works {
        let scout = TrendScout::new(Arc::clone(&setup.source), self.embedder(setup));
        let render = Renderer::new(
            Arc::clone(&self.images) as _,
            Arc::clone(&self.renderer) as _,
            Arc::clone(&self.faces),
            self.video,
        );
        BTreeMap::from([
            (StageName::Trend, Arc::new(scout) as Arc<dyn StageWork>),
            (StageName::Script, Arc::new(Scriptwriter::new(Arc::clone(&self.writer) as _))),
            (StageName::Narration, Arc::new(Narrator::new(Arc::clone(&self.voice) as _))),
            (StageName::Render, Arc::new(render)),
            (StageName::Upload, Arc::new(Uploader::new(Arc::clone(&self.library) as _))),
        ])
    }
}
