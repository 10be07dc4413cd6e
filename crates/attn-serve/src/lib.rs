//! Chapter 10's engine behind HTTP: `cargo attn serve`.
//!
//! The engine runs in a thread of its own and writes all texts at once. A request reaches it by a channel,
//! and so does what is written on its way back; a client that goes away is noticed before the next step,
//! and its blocks are given back. What a client may cost is limited ([`Limits`]), and so is the number of
//! texts that wait ([`Settings`]): whoever comes when there is no more room gets the status 429. Only this
//! machine can ask, under its own names, unless another address is given; no page of another site ever can.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /v1/completions` | what the model writes, as the usual clients want it: `prompt`, `max_tokens`, `n`, `stop`, `temperature`, `seed`, `stream` |
//! | `GET /v1/models` | the model's name |
//! | `GET /health` | `{"status": "ok"}` |
//! | `GET /metrics` | blocks, texts, tokens and what became of requests, as Prometheus reads it |
//!
//! What is wrong is said as `{"error": {"message": …, "type": …}}`.
//!
//! HTTP is `hyper`'s, as in the book's server: it lets go of a body that is being sent when its client has
//! gone, on which everything here rests.

mod answer;
mod asked;
mod connections;
mod limits;
mod metrics;
mod router;
mod settings;
mod words;
mod worker;

pub use asked::MOST_TEXTS;
pub use limits::Limits;
pub use settings::Settings;
pub use words::{Words, Writer};

use anyhow::{Context, Result, ensure};
use ch10_paged::{
    engine::{Decoder, Engine, Settings as EngineSettings},
    given::Way,
};
use router::Router;
use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, atomic::AtomicU64, mpsc},
    thread::{self, JoinHandle},
};
use tokio::{runtime::Builder, sync::Semaphore};

/// How many threads cut prompts into tokens.
const READERS: usize = 4;

/// A model that can be served.
pub struct Served<D> {
    /// What it is called.
    pub name: String,
    /// The model.
    pub decoder: D,
    /// Its tokens.
    pub words: Arc<dyn Words>,
}

/// A server that has its port and waits for [`run`](Server::run).
pub struct Server {
    listener: TcpListener,
    router: Router,
    engine: JoinHandle<()>,
}

impl Server {
    /// Takes the port (0 for any) and starts the engine.
    ///
    /// # Errors
    /// When the port is not free, or the settings make no sense.
    pub fn bind<D: Decoder + Clone + Send + 'static>(
        served: Served<D>,
        settings: &Settings,
        limits: Limits,
    ) -> Result<Self> {
        let Served { name, decoder, words } = served;
        let Settings { port, host, blocks, size, budget, queue } = *settings;
        ensure!(blocks > 0, "--blocks is 0: there is no room for any text");
        ensure!(size > 0, "--size is 0: a block of 0 tokens holds nothing");
        ensure!(budget > 0, "--budget is 0: a step of 0 tokens does nothing");
        ensure!(
            (MOST_TEXTS..=1 << 16).contains(&queue),
            "--queue is {queue}, should be {MOST_TEXTS} to {}: a request may ask for {MOST_TEXTS} texts",
            1 << 16
        );
        let address = SocketAddr::new(host, port);
        let listener = TcpListener::bind(address)
            .with_context(|| format!("{address} cannot be had; --port takes another one"))?;
        let settings = EngineSettings { blocks, size, budget, way: Way::Recompute, share: true };
        let (orders, from) = mpsc::channel();
        let (context, snapshot) = (decoder.context(), Arc::new(Mutex::default()));
        let router = Router {
            name,
            context,
            words: words.clone(),
            orders,
            places: Arc::new(Semaphore::new(queue)),
            snapshot: snapshot.clone(),
            loopback: host.is_loopback(),
            limits,
            turned_away: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        };
        let make = move || Engine::new(decoder.clone(), settings);
        let engine = thread::Builder::new().name("engine".into());
        let engine = engine.spawn(move || worker::work(&from, make, words, snapshot))?;
        Ok(Server { listener, router, engine })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers requests until `stop`, and then what has been begun.
    ///
    /// # Errors
    /// When the system refuses to watch connections.
    pub fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Server { listener, router, engine } = self;
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(READERS).build()?;
        listener.set_nonblocking(true)?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            connections::serve(listener, Arc::new(router), stop).await;
            Ok::<(), anyhow::Error>(())
        })?;
        // With it the last connections, and with them the ways to the engine, which then ends.
        runtime.shutdown_background();
        let _ = engine.join();
        Ok(())
    }
}

/// Serves a model until Ctrl-C, and says where.
///
/// # Errors
/// As for [`Server::bind`] and [`Server::run`].
pub fn serve<D: Decoder + Clone + Send + 'static>(
    served: Served<D>,
    settings: &Settings,
) -> Result<()> {
    let (name, context) = (served.name.clone(), served.decoder.context());
    let server = Server::bind(served, settings, Limits::default())?;
    let Settings { blocks, size, .. } = settings;
    println!(
        "Serving {name} on http://{}/v1, texts of up to {context} tokens in {blocks} blocks of {size}. \
         Ctrl-C ends it.",
        server.address()?
    );
    server.run(asked_to_stop())?;
    println!("Stopped.");
    Ok(())
}

/// Ctrl-C; a second one does not wait for anybody.
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        // The system's own way of ending a program is left.
        std::future::pending::<()>().await;
    }
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}
