//! Serving and stopping: let nobody else in, answer whoever is connected for a while longer, finish
//! what is under way within ten seconds, flush the log.

use std::io;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connection::Places;
use super::door::{Door, Listener};
use super::drain::Drain;
use super::{Patience, admin_router_for, loops, renewal, router_for};
use crate::keys::Uses;
use crate::revocation::Log;
use crate::web::Server;
use crate::webhooks::Sender;

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: Listener,
    /// For administrators, if they are served over HTTP.
    pub admin: Option<Listener>,
}

/// A server at work.
#[derive(Debug)]
pub struct Running {
    doors: Vec<Door>,
    tasks: Vec<JoinHandle<()>>,
    uses: Arc<Uses>,
    log: Arc<Log>,
    webhooks: Arc<Sender>,
    writer: JoinHandle<()>,
    patience: Patience,
}

impl Running {
    /// Serves on the listeners and follows the feed, until [`Running::stop`].
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(listeners: Listeners, server: Arc<Server>, writer: JoinHandle<()>) -> io::Result<Self> {
        Self::start_with(listeners, server, writer, Patience::default())
    }

    /// [`Running::start`], with another patience than usual.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start_with(
        listeners: Listeners,
        server: Arc<Server>,
        writer: JoinHandle<()>,
        patience: Patience,
    ) -> io::Result<Self> {
        let Listeners { public, admin } = listeners;
        // One certificate for both.
        let certificate = public.certificate();
        // Each with a drain of its own: whoever is the last at one door says nothing about the other.
        let drain = Drain::counting(server.metrics.connections.clone());
        let app = router_for(server.clone(), patience, drain.clone());
        let mut doors = vec![Door::open(public, Places::for_everybody(), patience, drain, app)?];
        if let Some(admin) = admin {
            let drain = Drain::counting(server.metrics.connections.clone());
            let app = admin_router_for(server.clone(), patience, drain.clone());
            doors.push(Door::open(admin, Places::for_administrators(), patience, drain, app)?);
        }
        let (uses, log) = (server.uses.clone(), server.copy.log().clone());
        let webhooks = server.webhooks.clone();
        let tasks = vec![
            tokio::spawn(loops::follow(server.clone())),
            tokio::spawn(loops::rotate(server.clone())),
            tokio::spawn(loops::tend(server.clone())),
            tokio::spawn(loops::send(server)),
            tokio::spawn(renewal::renew(certificate)),
        ];
        Ok(Self { doors, tasks, uses, log, webhooks, writer, patience })
    }

    /// Stops: lets nobody else in and answers each connection once more, finishes what is under way,
    /// writes down what is only in memory, flushes the issuance log.
    pub async fn stop(self) {
        let Self { doors, tasks, uses, log, webhooks, writer, patience: Patience { grace, .. } } = self;
        // A fifth of the time is for what is written last, which waits for nobody outside; a tenth is
        // theirs who are connected and have not asked yet.
        let (flush, once_more) = (grace / 5, grace / 10);
        let all_but_the_log = async {
            doors.iter().for_each(Door::begin_to_close);
            // Whoever follows the feed would wait for longer than there is time.
            log.end();
            let rest = grace.saturating_sub(flush + once_more);
            join_all(doors.into_iter().map(|door| door.close(once_more, rest))).await;
            for task in tasks {
                task.abort();
                let _ = task.await;
            }
            // What does not end in time is sent again by another node, or after the next start.
            let _ = timeout(once_more, webhooks.finish()).await;
            webhooks.stop().await;
            if let Err(error) = uses.write().await {
                loops::uses_unwritten(&error);
            }
        };
        let _ = timeout(grace.saturating_sub(flush / 2), all_but_the_log).await;
        // The last reference to the server is gone with its requests; the writer ends by itself.
        let _ = timeout(flush / 2, writer).await;
    }
}
