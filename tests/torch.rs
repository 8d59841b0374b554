//! The feature `torch`: the encoder against vectors that were computed by other means
//! (`scripts/torch-reference`), and the whole model where its weights are (`make models`).

#![allow(clippy::expect_used, reason = "a test stops where it cannot go on")]

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor, no_grad};
use tokio_util::sync::CancellationToken;
use ytempire::domain::failure::Failure;
use ytempire::domain::workflow::Priority;
use ytempire::gpu::torch::{Bert, SentenceModel, Shape, TorchFault, cuda_is_there};
use ytempire::simulate::rng::Rng;
use ytempire::worker::protocol::{DeviceSeat, EmbedJob, EmbedResult, Job, JobEnvelope};
use ytempire::worker::run::run_job;
use ytempire::worker::seats::Seats;

const HIDDEN: i64 = 32;
const INNER: i64 = 64;
const LAYERS: usize = 2;

fn shape() -> Shape {
    let sizes = json!({
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
        "max_position_embeddings": 16,
    });
    serde_json::from_value(sizes).expect("a shape")
}

/// The tensors' names and sizes, in the order in which they are drawn.
fn tensors() -> Vec<(String, Vec<i64>)> {
    let mut all: Vec<(String, Vec<i64>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![50, HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![16, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
    ];
    let mut pair = |name: String, weight: Vec<i64>, bias: i64| {
        all.push((format!("{name}.weight"), weight));
        all.push((format!("{name}.bias"), vec![bias]));
    };
    pair("embeddings.LayerNorm".to_owned(), vec![HIDDEN], HIDDEN);
    for number in 0..LAYERS {
        let place = format!("encoder.layer.{number}");
        for part in ["query", "key", "value"] {
            pair(format!("{place}.attention.self.{part}"), vec![HIDDEN, HIDDEN], HIDDEN);
        }
        pair(format!("{place}.attention.output.dense"), vec![HIDDEN, HIDDEN], HIDDEN);
        pair(format!("{place}.attention.output.LayerNorm"), vec![HIDDEN], HIDDEN);
        pair(format!("{place}.intermediate.dense"), vec![INNER, HIDDEN], INNER);
        pair(format!("{place}.output.dense"), vec![HIDDEN, INNER], HIDDEN);
        pair(format!("{place}.output.LayerNorm"), vec![HIDDEN], HIDDEN);
    }
    all
}

/// The small model: nothing of it is stored, each tensor is drawn from its place in the list.
fn small_model() -> HashMap<String, Tensor> {
    let drawn = (1..).zip(tensors()).map(|(seed, (name, size))| {
        let mut rng = Rng::new(seed);
        let is_scale = name.ends_with("LayerNorm.weight");
        let count: i64 = size.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|_| {
                let drawn = (rng.draw() >> 40) as f64 / f64::from(1 << 24) - 0.5;
                (drawn * 0.5 + if is_scale { 1.0 } else { 0.0 }) as f32
            })
            .collect();
        (name, Tensor::from_slice(&values).reshape(size))
    });
    drawn.collect()
}

fn golden(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(file).expect("it is there")).expect("JSON")
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

fn cosine(one: &[f64], other: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// Rows of word numbers, filled up to the longest.
fn filled_up(rows: &[Vec<i64>]) -> (Tensor, Tensor) {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let filled = |of: &dyn Fn(Option<&i64>) -> i64| {
        let rows: Vec<Tensor> = rows
            .iter()
            .map(|row| {
                Tensor::from_slice(&(0..width).map(|at| of(row.get(at))).collect::<Vec<_>>())
            })
            .collect();
        Tensor::stack(&rows, 0)
    };
    let ids = filled(&|word| word.copied().unwrap_or(0));
    let mask = filled(&|word| i64::from(word.is_some()));
    (ids, mask)
}

#[test]
fn the_encoder_gives_the_vectors_of_the_reference() {
    let golden = golden("torch_small.json");
    let rows: Vec<Vec<i64>> = serde_json::from_value(golden["rows"].clone()).expect("rows");
    let bert = Bert::new(shape(), small_model(), Device::Cpu).expect("a model");
    let (ids, mask) = filled_up(&rows);
    let sentences = no_grad(|| bert.sentences(&ids, &mask)).expect("vectors");
    for (at, expected) in golden["vectors"].as_array().expect("vectors").iter().enumerate() {
        let row = sentences.get(i64::try_from(at).expect("small")).to_kind(Kind::Double);
        let found = Vec::<f64>::try_from(row).expect("numbers");
        let expected = floats(expected);
        let worst = found.iter().zip(&expected).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-5, "row {at}: {worst}");
        assert!(cosine(&found, &expected) > 0.999_999);
    }
}

#[test]
fn what_does_not_fit_is_told_by_name() {
    let told = |tensors, shape| match Bert::new(shape, tensors, Device::Cpu) {
        Err(TorchFault::Misfit(text)) => text,
        other => panic!("{:?}", other.map(|_| ())),
    };
    let mut lacking = small_model();
    lacking.remove("encoder.layer.1.output.dense.bias");
    assert_eq!(told(lacking, shape()), "there is no encoder.layer.1.output.dense.bias");
    let mut odd = shape();
    odd.num_attention_heads = 5;
    assert!(told(small_model(), odd).contains("do not divide"));
    let mut other = small_model();
    other.insert("encoder.layer.0.output.dense.bias".to_owned(), Tensor::from_slice(&[1.0_f32]));
    assert!(told(other, shape()).contains("encoder.layer.0.output.dense"));
    let bert = Bert::new(shape(), small_model(), Device::Cpu).expect("a model");
    let (ids, mask) = filled_up(&[vec![1; 17]]);
    assert!(matches!(bert.sentences(&ids, &mask), Err(TorchFault::Misfit(_))), "too long");
    let (ids, mask) = filled_up(&[vec![1_000]]);
    assert!(matches!(bert.sentences(&ids, &mask), Err(TorchFault::Torch(_))), "an unknown word");
}

#[test]
fn without_cuda_libtorch_says_so_and_nothing_panics() {
    assert_eq!(cuda_is_there(), cuda_is_there());
}

#[test]
fn files_that_are_missing_or_wrong_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = || match SentenceModel::load(folder.path(), None) {
        Err(TorchFault::File { file, .. }) => file,
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert!(told().ends_with("config.json"));
    let config = json!({ "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 16 });
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    assert!(told().ends_with("model.safetensors"));
    std::fs::write(folder.path().join("model.safetensors"), "not tensors").expect("written");
    assert!(told().ends_with("model.safetensors"));
}

/// A whole small model on the disk, with a tokenizer that fills every text up to 16 words.
fn small_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = json!({ "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": 4, "max_position_embeddings": 16 });
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    let tensors: Vec<(String, Tensor)> = small_model().into_iter().collect();
    Tensor::write_safetensors(&tensors, folder.path().join("model.safetensors")).expect("written");
    let tokenizer = json!({
        "version": "1.0",
        "padding": { "strategy": { "Fixed": 16 }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]" },
        "truncation": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "unk_token": "[UNK]",
            "vocab": { "[PAD]": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "[UNK]": 6, "h": 7,
                "g": 49 } },
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("written");
    folder
}

#[test]
fn texts_are_filled_up_to_the_longest_of_their_batch_only_and_cut_alone() {
    let folder = small_folder();
    let model = SentenceModel::load(folder.path(), None).expect("a model");
    let texts = ["a b c d e".to_owned(), "g h".to_owned()];
    let vectors = model.embed(&texts, None).expect("vectors");
    let golden = golden("torch_small.json");
    for (found, expected) in vectors.iter().zip(golden["vectors"].as_array().expect("vectors")) {
        let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
        assert!(cosine(&found, &floats(expected)) > 0.999_999);
    }
    // Alone or beside others, a text means the same.
    let alone = model.embed(&texts[1..], None).expect("a vector");
    let worst = alone[0].iter().zip(&vectors[1]).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
    assert_eq!(model.embed(&[], None).expect("none"), Vec::<Vec<f32>>::new());
}

/// What a child of our own binary makes of `texts`.
async fn by_child(model: &Path, texts: &[String], out: &Path) -> Result<EmbedResult, Failure> {
    let seat = DeviceSeat { device: 0, priority: Priority::default(), memory_fraction: 0.25 };
    let job = EmbedJob {
        model: model.to_owned(),
        texts: texts.to_vec(),
        out: out.to_owned(),
        // There may be no such device: then the processor does it, and says why.
        seat: Some(seat),
    };
    let program = Path::new(env!("CARGO_BIN_EXE_ytempire"));
    let never = CancellationToken::new();
    let envelope = JobEnvelope::new(Job::Embed(job));
    let done = run_job(program, &envelope, &Seats::default(), &never, |_| {}).await?;
    Ok(serde_json::from_value(done).expect("a result"))
}

#[tokio::test]
async fn a_child_gives_the_vectors_of_the_reference() {
    let folder = small_folder();
    let out = folder.path().join("vectors.f32");
    let texts = ["a b c d e".to_owned(), "g h".to_owned()];
    let result = by_child(folder.path(), &texts, &out).await.expect("vectors");
    assert_eq!((result.vectors, result.width), (2, 32));
    assert_eq!(result.fallback.is_none(), result.device != "cpu", "{result:?}");
    let bytes = std::fs::read(&out).expect("written");
    let numbers: Vec<f64> = bytes
        .chunks_exact(4)
        .map(|four| f64::from(f32::from_le_bytes(four.try_into().expect("four"))))
        .collect();
    let golden = golden("torch_small.json");
    let expected = golden["vectors"].as_array().expect("vectors");
    for (found, expected) in numbers.chunks_exact(32).zip(expected) {
        assert!(cosine(found, &floats(expected)) > 0.999_999);
    }
    let failure = by_child(Path::new("/nowhere"), &texts, &out).await.expect_err("no model");
    assert_eq!(failure.code, "embedding_torch");
    assert!(failure.message.contains("/nowhere/config.json"), "{failure:?}");
}

#[test]
fn the_real_weights_give_the_vectors_of_the_reference_where_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/models/all-MiniLM-L6-v2");
    if !folder.join("model.safetensors").is_file() {
        println!("the weights are not here; `make models` gets them");
        return;
    }
    let golden = golden("torch_minilm.json");
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).expect("texts");
    let model = SentenceModel::load(&folder, None).expect("a model");
    let vectors = model.embed(&texts, None).expect("vectors");
    let mut worst: f64 = 1.0;
    for (found, expected) in vectors.iter().zip(golden["vectors"].as_array().expect("vectors")) {
        let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
        worst = worst.min(cosine(&found, &floats(expected)));
    }
    println!("{} texts, cosine with the reference at least {worst:.7}", texts.len());
    assert!(worst >= 0.9999, "{worst}");
}
