//! The server as a part of the tree: it accepts connections until it is stopped, and then lets those
//! under way finish.
//!
//! The listener is bound before the tree starts, so that its address is known and a port in use is
//! told at once; it outlives restarts of the actor.
//!
//! Architecture invariant: a connection has bounded time for its headers and bounded space, and
//! there is a bound on how many there are: a slow or greedy client costs itself only.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use super::orchestrator::Orchestrator;
use super::service::api;
use crate::supervision::observe::Entry;
use crate::supervision::spec::ChildSpec;
use crate::supervision::start_error::StartError;

/// How long the headers of a request may take, and how long an idle connection is kept.
const HEADER_LIMIT: Duration = Duration::from_secs(15);
/// The most bytes of headers.
const HEADER_SPACE: usize = 64 * 1024;
/// The most connections at once; others wait to be accepted.
const MOST_CONNECTIONS: usize = 1_024;
/// How long requests under way may take to finish when the server stops.
const FINISH_LIMIT: Duration = Duration::from_secs(3);
/// How long to wait after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A bound address, before anybody is served.
#[derive(Debug, Clone)]
pub struct Door {
    listener: Arc<std::net::TcpListener>,
    address: SocketAddr,
}

impl Door {
    /// Binds `listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// What the system says, for example that the address is in use.
    pub async fn open(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?.into_std()?;
        let address = listener.local_addr()?;
        Ok(Self { listener: Arc::new(listener), address })
    }

    /// The address with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where this machine reaches it, for `node.json`.
    #[must_use]
    pub fn url(&self) -> String {
        let mut reachable = self.address;
        if reachable.ip().is_unspecified() {
            let loopback = if reachable.is_ipv4() {
                std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST)
            } else {
                std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
            };
            reachable.set_ip(loopback);
        }
        format!("http://{reachable}")
    }

    fn listener(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.listener.try_clone()?)
    }
}

/// The server.
#[derive(Clone)]
pub struct HttpServer {
    /// Where it listens.
    pub door: Door,
    /// The token that callers must show, if any.
    pub token: Option<String>,
    /// The node.
    pub node: Arc<Orchestrator>,
}

impl HttpServer {
    /// It as a child of the root.
    #[must_use]
    pub fn spec(&self, entry: &Arc<Entry>) -> ChildSpec {
        let server = self.clone();
        ChildSpec::new(
            Arc::clone(entry),
            Arc::new(move |context| {
                let server = server.clone();
                Box::pin(async move {
                    let spawned = Self::spawn_linked(None, server, (), context.supervisor).await;
                    let (actor, _) = spawned.map_err(StartError::from)?;
                    Ok(actor.get_cell())
                })
            }),
        )
    }
}

/// The serving under way; dropping it ends it.
#[derive(Debug)]
pub struct Serving {
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Actor for HttpServer {
    type Msg = ();
    type State = Serving;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, (): ()) -> Result<Serving, ActorProcessingErr> {
        let listener = self.door.listener()?;
        let guard = Guard::new(self.door.address(), self.token.as_deref());
        let stop = CancellationToken::new();
        let (node, stopping) = (Arc::clone(&self.node), stop.clone());
        let task = tokio::spawn(async move {
            serve(listener, node, guard, stopping.clone()).await;
            if !stopping.is_cancelled() {
                // It never ends by itself; if it did, the actor must not look alive.
                myself.kill();
            }
        });
        Ok(Serving { stop, task: Some(task) })
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<()>,
        serving: &mut Serving,
    ) -> Result<(), ActorProcessingErr> {
        serving.stop.cancel();
        if let Some(mut task) = serving.task.take()
            && tokio::time::timeout(FINISH_LIMIT, &mut task).await.is_err()
        {
            task.abort();
        }
        Ok(())
    }
}

/// Accepts until told to stop, then waits for the connections under way.
async fn serve(
    listener: TcpListener,
    node: Arc<Orchestrator>,
    guard: Guard,
    stop: CancellationToken,
) {
    let filter = api(node, guard);
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < MOST_CONNECTIONS;
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    let filter = filter.clone();
                    connections.spawn(connection(stream, filter, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<F>(stream: TcpStream, filter: F, stop: CancellationToken)
where
    F: warp::Filter<Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    F::Extract: warp::Reply,
{
    // Answers are small and must not wait for more to come.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(warp::service(filter));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(HEADER_SPACE)
        // Whoever has said everything may still listen.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        biased;
        ended = &mut serving => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
