//! The engine in its thread. Orders reach it by a channel, and what is written leaves it by one per order.

use crate::{
    metrics::Snapshot,
    words::{Words, Writer},
};
use ch10_paged::engine::{AddError, Choice, Decoder, Engine, Event, Request};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, TryRecvError},
    },
};
use tokio::sync::{OwnedSemaphorePermit, mpsc::UnboundedSender};

/// What is asked of the engine.
pub struct Order {
    /// The prompt's tokens.
    pub prompt: Vec<usize>,
    /// The most tokens of each text.
    pub most: usize,
    /// Words that end a text.
    pub stops: Vec<String>,
    /// How the tokens of each text are chosen. There is one at least.
    pub choices: Vec<Choice>,
    /// Where to say what is written. When nobody listens any more, the order is cancelled.
    pub to: UnboundedSender<Said>,
    /// Its places in the queue, given back when this is dropped.
    pub places: OwnedSemaphorePermit,
}

/// What the engine says to an order. The first is `Begun` or `Refused`.
#[derive(Debug)]
pub enum Said {
    /// It is in the engine.
    Begun,
    /// It never will be.
    Refused(AddError),
    /// A piece of one of its texts.
    Text {
        /// Which.
        index: usize,
        /// The piece.
        text: String,
    },
    /// A text has ended.
    End {
        /// Which.
        index: usize,
        /// Its last piece.
        text: String,
        /// How many tokens were written.
        tokens: usize,
        /// Why it ended.
        why: &'static str,
    },
    /// The engine has failed, and all orders with it.
    Failed(String),
}

/// An order in the engine.
struct Client {
    /// The engine's number of each text, until it has ended.
    ids: Vec<Option<usize>>,
    writers: Vec<Writer>,
    most: usize,
    to: UnboundedSender<Said>,
    _places: OwnedSemaphorePermit,
}

/// The engine, its orders, and what others may know of it.
struct Worker<D, F> {
    make: F,
    engine: Engine<D>,
    words: Arc<dyn Words>,
    /// By the engine's number of its first text.
    clients: BTreeMap<usize, Client>,
    next: usize,
    known: Snapshot,
    snapshot: Arc<Mutex<Snapshot>>,
}

/// Carries out orders until nobody can send one any more. `make` makes an engine, and another one if it
/// should fail.
pub fn work<D: Decoder>(
    orders: &Receiver<Order>,
    make: impl Fn() -> Engine<D>,
    words: Arc<dyn Words>,
    snapshot: Arc<Mutex<Snapshot>>,
) {
    let (engine, clients, known) = (make(), BTreeMap::new(), Snapshot::default());
    let mut worker = Worker { make, engine, words, clients, next: 0, known, snapshot };
    worker.publish();
    loop {
        // Sleeps while there is nothing to do.
        if worker.engine.is_idle() {
            match orders.recv() {
                Ok(order) => worker.take(order),
                Err(_) => return,
            }
        }
        loop {
            match orders.try_recv() {
                Ok(order) => worker.take(order),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        worker.let_go();
        worker.step();
    }
}

impl<D: Decoder, F: Fn() -> Engine<D>> Worker<D, F> {
    fn take(&mut self, order: Order) {
        let Order { prompt, most, stops, choices, to, places } = order;
        let ids: Vec<usize> = (self.next..).take(choices.len()).collect();
        let mut siblings = ids.iter().copied().zip(choices);
        let Some((id, choice)) = siblings.next() else { return };
        let siblings = siblings.collect();
        let stop = self.words.end();
        let request = Request { stop, choice, siblings, ..Request::greedy(id, &prompt, most) };
        if let Err(error) = self.engine.add(request) {
            let _ = to.send(Said::Refused(error));
            return;
        }
        self.next += ids.len();
        let _ = to.send(Said::Begun);
        let writers = vec![Writer::new(stops); ids.len()];
        let ids = ids.into_iter().map(Some).collect();
        self.clients.insert(id, Client { ids, writers, most, to, _places: places });
    }

    /// Cancels the orders whose clients have gone away, which gives their blocks back.
    fn let_go(&mut self) {
        let gone = |client: &Client| client.to.is_closed();
        let ids: Vec<usize> =
            self.clients.iter().filter(|(_, client)| gone(client)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(client) = self.clients.remove(&id) else { continue };
            for id in client.ids.into_iter().flatten() {
                let _ = self.engine.cancel(id);
            }
            self.known.cancelled += 1;
        }
        self.publish();
    }

    fn step(&mut self) {
        let stepped = catch_unwind(AssertUnwindSafe(|| self.engine.step()));
        let events = match stepped {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return self.fail(&error.to_string()),
            Err(_) => return self.fail("a step panicked"),
        };
        let mut said = Vec::new();
        for event in events {
            match event {
                Event::Token { id, token } => self.token(id, token, &mut said),
                Event::Done { id } => self.done(id, &mut said),
            }
        }
        self.clients.retain(|_, client| {
            let ended = client.ids.iter().all(Option::is_none);
            self.known.ended += u64::from(ended);
            !ended
        });
        // Whoever has heard that a text has ended finds it in the metrics.
        self.publish();
        for (to, said) in said {
            let _ = to.send(said);
        }
    }

    fn token(&mut self, id: usize, token: usize, said: &mut Vec<(UnboundedSender<Said>, Said)>) {
        let Some((client, index)) = owner(&mut self.clients, id) else { return };
        let writer = &mut client.writers[index];
        let (text, ended) = writer.push(token, &*self.words);
        if ended {
            client.ids[index] = None;
            let end = Said::End { index, text, tokens: writer.tokens, why: "stop" };
            said.push((client.to.clone(), end));
            // It may have been its last token anyhow.
            let _ = self.engine.cancel(id);
        } else if !text.is_empty() {
            said.push((client.to.clone(), Said::Text { index, text }));
        }
    }

    fn done(&mut self, id: usize, said: &mut Vec<(UnboundedSender<Said>, Said)>) {
        let Some((client, index)) = owner(&mut self.clients, id) else { return };
        client.ids[index] = None;
        let writer = &mut client.writers[index];
        let (text, tokens) = (writer.finish(&*self.words), writer.tokens);
        let why = if tokens < client.most { "stop" } else { "length" };
        said.push((client.to.clone(), Said::End { index, text, tokens, why }));
    }

    /// All orders fail, and another engine begins with nothing.
    fn fail(&mut self, why: &str) {
        for client in std::mem::take(&mut self.clients).into_values() {
            self.known.failed += 1;
            let _ = client.to.send(Said::Failed(why.into()));
        }
        self.engine = (self.make)();
        self.publish();
    }

    fn publish(&mut self) {
        let (blocks, kept) = (&self.engine.pool().blocks, self.engine.kept());
        let (running, waiting) = self.engine.requests();
        let free = blocks.free.len();
        let used = blocks.total() - free - kept;
        let engine = self.engine.metrics();
        self.known = Snapshot { free, used, cached: kept, running, waiting, engine, ..self.known };
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = self.known;
    }
}

/// Whose text has this number, and which of its texts it is.
fn owner(clients: &mut BTreeMap<usize, Client>, id: usize) -> Option<(&mut Client, usize)> {
    let (first, client) = clients.range_mut(..=id).next_back()?;
    let index = id - first;
    client.ids.get(index).copied().flatten()?;
    Some((client, index))
}
