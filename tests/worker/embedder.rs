//! The embedder whose model runs in a child: the lease it holds meanwhile, what the child is told of
//! it, and what becomes of answers that are wrong. The child is a script: no model is needed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ytempire::adapters::child_embedder::ChildEmbedder;
use ytempire::domain::ids::ChannelId;
use ytempire::gpu::arbiter::{DeviceSpec, HostAmounts, Limits, ModelSpec, Pool, Setup};
use ytempire::gpu::broker::{BrokerParts, OTHER_KINDS, broker_spec};
use ytempire::gpu::driver::{DriverDevice, Simulated};
use ytempire::gpu::lease::Broker;
use ytempire::ports::embedder::Embedder;
use ytempire::supervision::environment::Environment;
use ytempire::supervision::handle::Handle;
use ytempire::supervision::observe::Registry;
use ytempire::supervision::path::{ActorPath, ChildId};
use ytempire::supervision::spec::SupervisorSpec;
use ytempire::supervision::tree::{SupervisorHandle, Tree};

const GIB: u64 = 1 << 30;

/// A broker in a tree of its own.
async fn broker(cards: Vec<DriverDevice>) -> (Broker, Tree) {
    let specs = cards.iter().map(|card| DeviceSpec::new(card.name.clone(), card.memory_bytes));
    let parts = BrokerParts {
        setup: Setup {
            devices: specs.collect(),
            models: vec![ModelSpec::new(OTHER_KINDS, 4 * GIB, 0)],
            host: HostAmounts::of(Pool::Light, 1),
            limits: Limits::default(),
        },
        driver: Arc::new(Simulated::new(cards, Duration::ZERO)),
        read_every: Duration::from_secs(5),
        ticks: Arc::new(drop),
    };
    let registry = Arc::new(Registry::new());
    let environment = Environment::new(Arc::clone(&registry), Arc::new(|| 0), 8);
    let root = SupervisorHandle::new(&registry, &ActorPath::root());
    let path = ActorPath::root().child(&ChildId::from("gpu"));
    let broker = Broker::new(Handle::new(&registry, &path));
    let child = broker.clone();
    let spec = SupervisorSpec::new(move || vec![broker_spec(child.handle(), parts.clone())]);
    let tree = Tree::start(&environment, &root, spec).await.expect("a tree");
    tree.booted().await.expect("up");
    (broker, tree)
}

/// A child that notes its job and its environment in `folder`, writes two vectors of two numbers, and
/// says `result`.
fn script(folder: &Path, result: &str) -> PathBuf {
    let path = folder.join("child");
    let text = format!(
        "#!/bin/sh\nread -r job\nprintf '%s' \"$job\" > {0}/job\n\
         printf '%s' \"$PYTORCH_CUDA_ALLOC_CONF\" > {0}/environment\n\
         out=$(printf '%s' \"$job\" | sed 's/.*\"out\":\"\\([^\"]*\\)\".*/\\1/')\n\
         printf '\\000\\000\\200\\077\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\200\\077' > \"$out\"\n\
         echo '{result}'\n",
        folder.display()
    );
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made runnable");
    path
}

fn done(vectors: usize) -> String {
    format!(
        r#"{{"type":"done","result":{{"vectors":{vectors},"width":2,"device":"cuda 0","fallback":null}}}}"#
    )
}

fn texts() -> [String; 2] {
    ["one".to_owned(), "two".to_owned()]
}

#[tokio::test]
async fn the_child_is_told_its_share_of_the_device_that_is_leased_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let card = DriverDevice { name: "card".to_owned(), memory_bytes: 32 * GIB };
    let (broker, _tree) = broker(vec![card]).await;
    let program = script(folder.path(), &done(2));
    let model = PathBuf::from("/models/small");
    let embedder = ChildEmbedder::new(program, model, broker.clone(), ChannelId(uuid::Uuid::nil()));
    assert_eq!(embedder.describe(), "torch small 1");
    let vectors = embedder.embed(&texts()).await.expect("vectors");
    assert_eq!(vectors.len(), 2);
    assert!(vectors[0].cosine(&vectors[1]).abs() < 1e-6);
    let told = |name| std::fs::read_to_string(folder.path().join(name)).expect("noted");
    assert_eq!(told("environment"), "per_process_memory_fraction:0.0312", "1 of 32 GiB");
    let job: serde_json::Value = serde_json::from_str(&told("job")).expect("JSON");
    assert_eq!(job["job"]["seat"]["device"], 0);
    let out = job["job"]["out"].as_str().expect("a path");
    assert!(!Path::new(out).exists(), "nothing is left behind");
    let books = broker.look().await.expect("books");
    assert_eq!((books.counts.granted, books.books.leases), (1, 0), "and the lease is back");
}

#[tokio::test]
async fn without_a_device_there_is_no_seat_and_wrong_answers_are_failures() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, _tree) = broker(Vec::new()).await;
    let embedder = |result: &str| {
        let program = script(folder.path(), result);
        let model = PathBuf::from("/models/small");
        ChildEmbedder::new(program, model, broker.clone(), ChannelId(uuid::Uuid::nil()))
    };
    embedder(&done(2)).embed(&texts()).await.expect("vectors");
    let job = std::fs::read_to_string(folder.path().join("job")).expect("noted");
    assert!(job.contains("\"seat\":null"), "{job}");
    let environment = std::fs::read_to_string(folder.path().join("environment")).expect("noted");
    assert!(!environment.contains("per_process_memory_fraction"), "{environment}");
    let failure = embedder(&done(3)).embed(&texts()).await.expect_err("too many");
    assert_eq!(failure.code, "embedding_result");
    let failure = embedder("nonsense").embed(&texts()).await.expect_err("no answer");
    assert_eq!(failure.code, "worker_protocol_broken");
    let nothing = embedder("nonsense").embed(&[]).await.expect("nothing to do");
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_program_without_libtorch_says_so() {
    if cfg!(feature = "torch") {
        return;
    }
    let (broker, _tree) = broker(Vec::new()).await;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ytempire"));
    let model = PathBuf::from("/models/small");
    let embedder = ChildEmbedder::new(program, model, broker, ChannelId(uuid::Uuid::nil()));
    let failure = embedder.embed(&texts()).await.expect_err("it has none");
    assert_eq!(failure.code, "torch_not_built");
}
