//! `[providers.*]` and `[platform]`: who writes, speaks, draws and publishes.
//!
//! In this version there is, beside the built-in of every port, a sentence model through libtorch in
//! programs that are built with the feature `torch`; the keys of the others are checked, so that a
//! config does not change its meaning when they come.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::problem::ProblemKind;
use super::quantity::duration_text;
use super::reader::Section;
use super::secret::{SecretPlace, secret_place};

/// Kinds of providers that are planned, by section.
const LATER_TEXT: &[&str] = &["openai", "openai_compatible", "ollama"];
const LATER_VOICE: &[&str] = &["elevenlabs", "openai", "openai_compatible"];
const LATER_IMAGES: &[&str] = &["openai", "automatic1111", "comfyui", "pexels", "torch", "folder"];
const LATER_EMBEDDINGS: &[&str] = &["openai", "openai_compatible", TORCH];

/// A sentence model through libtorch.
const TORCH: &str = "torch";
const BUILT_IN: (&str, ProviderKind) = ("built_in", ProviderKind::BuiltIn);
/// What a program without libtorch offers, and one with it.
const EMBEDDINGS: &[(&str, ProviderKind)] =
    if cfg!(feature = "torch") { &[BUILT_IN, (TORCH, ProviderKind::Torch)] } else { &[BUILT_IN] };

/// Where `make models` puts the sentence model, seen from the config's folder.
const TORCH_MODEL: &str = "data/models/all-MiniLM-L6-v2";

/// Who does a port's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// The part that comes with the program: no key, no network, no download.
    BuiltIn,
    /// A sentence model in a folder, through libtorch; only for embeddings, and only in programs
    /// that are built with the feature `torch`.
    Torch,
}

/// One `[providers.<port>]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderConfig {
    /// Who does the work.
    pub kind: ProviderKind,
    /// Where the service is; not used by the built-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The service's model, or the folder of a local one; not used by the built-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where the service's key is; not used by the built-in.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretPlace>,
    /// The longest one request may take.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// Requests at the same time, 1–64.
    pub max_concurrent: u32,
}

impl ProviderConfig {
    fn read(
        mut section: Section<'_>,
        offered: &[(&str, ProviderKind)],
        later: &[&str],
        folder: &Path,
    ) -> Self {
        let kind = section.choice("kind", offered, later).unwrap_or(ProviderKind::BuiltIn);
        let base_url = read_url(&mut section, "base_url");
        let mut model = section.text("model", 200);
        if kind == ProviderKind::Torch {
            let named = model.unwrap_or_else(|| TORCH_MODEL.to_owned());
            model = Some(folder.join(named).display().to_string());
        }
        let api_key = secret_place(&mut section, "api_key_env", "api_key_file", folder);
        let timeouts = Duration::from_secs(1)..=Duration::from_secs(60 * 60);
        let timeout = section.duration("timeout", timeouts).unwrap_or(Duration::from_secs(60));
        let max_concurrent = section.integer("max_concurrent", 1..=64).unwrap_or(1);
        section.finish();
        Self { kind, base_url, model, api_key, timeout, max_concurrent }
    }

    /// The keys that are given although this provider makes no use of them.
    #[must_use]
    pub fn unused_keys(&self) -> Vec<&'static str> {
        let has_model = self.kind == ProviderKind::Torch;
        given([
            ("base_url", self.base_url.is_some()),
            ("model", self.model.is_some() && !has_model),
            ("api_key_env or api_key_file", self.api_key.is_some()),
        ])
    }
}

/// `[providers]`: one for each port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvidersConfig {
    /// Writes scripts.
    pub text: ProviderConfig,
    /// Speaks them.
    pub voice: ProviderConfig,
    /// Makes pictures.
    pub images: ProviderConfig,
    /// Compares topics.
    pub embeddings: ProviderConfig,
}

impl ProvidersConfig {
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Self {
        let config = Self {
            text: ProviderConfig::read(section.section("text"), &[BUILT_IN], LATER_TEXT, folder),
            voice: ProviderConfig::read(section.section("voice"), &[BUILT_IN], LATER_VOICE, folder),
            images: ProviderConfig::read(
                section.section("images"),
                &[BUILT_IN],
                LATER_IMAGES,
                folder,
            ),
            embeddings: ProviderConfig::read(
                section.section("embeddings"),
                EMBEDDINGS,
                LATER_EMBEDDINGS,
                folder,
            ),
        };
        section.finish();
        config
    }

    /// The folder of the sentence model that compares topics, if one does.
    #[must_use]
    pub fn sentence_model(&self) -> Option<PathBuf> {
        let is_local = self.embeddings.kind == ProviderKind::Torch;
        self.embeddings.model.as_ref().filter(|_| is_local).map(PathBuf::from)
    }
}

/// Where videos are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformKind {
    /// The local library in the data folder.
    Library,
}

/// `[platform]`: where videos are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformConfig {
    /// Where to.
    pub kind: PlatformKind,
    /// The platform's API; not used by the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_base_url: Option<String>,
    /// The platform's uploads; not used by the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_base_url: Option<String>,
    /// The platform's figures; not used by the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analytics_base_url: Option<String>,
    /// Where access tokens come from; not used by the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth_token_url: Option<String>,
    /// Our name at the platform; not used by the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where our secret is; not used by the library.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretPlace>,
}

impl PlatformConfig {
    pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Self {
        let kind = section
            .choice("kind", &[("library", PlatformKind::Library)], &["youtube"])
            .unwrap_or(PlatformKind::Library);
        let config = Self {
            kind,
            api_base_url: read_url(&mut section, "api_base_url"),
            upload_base_url: read_url(&mut section, "upload_base_url"),
            analytics_base_url: read_url(&mut section, "analytics_base_url"),
            oauth_token_url: read_url(&mut section, "oauth_token_url"),
            client_id: section.text("client_id", 200),
            client_secret: secret_place(
                &mut section,
                "client_secret_env",
                "client_secret_file",
                folder,
            ),
        };
        section.finish();
        config
    }

    /// The keys that are given although this platform makes no use of them.
    #[must_use]
    pub fn unused_keys(&self) -> Vec<&'static str> {
        let PlatformKind::Library = self.kind;
        given([
            ("api_base_url", self.api_base_url.is_some()),
            ("upload_base_url", self.upload_base_url.is_some()),
            ("analytics_base_url", self.analytics_base_url.is_some()),
            ("oauth_token_url", self.oauth_token_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret_env or client_secret_file", self.client_secret.is_some()),
        ])
    }
}

fn given<const N: usize>(keys: [(&'static str, bool); N]) -> Vec<&'static str> {
    keys.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key).collect()
}

/// An `http` or `https` address without a user, a query or a fragment, where secrets could hide. The
/// value is not repeated in a message, because it may hold one.
fn read_url(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let value = section.take(key)?;
    let url = value.text(2_000)?;
    let after_scheme = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = after_scheme.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        value.note(ProblemKind::BadValue, "must begin with http:// or https:// and a host", None);
        return None;
    };
    if rest.contains(['@', '?', '#', ' ', '\\']) {
        value.note(
            ProblemKind::BadValue,
            "must not hold a user, a query, a fragment or a space",
            Some("give secrets by the keys that end in _env or _file".to_owned()),
        );
        return None;
    }
    Some(url)
}
