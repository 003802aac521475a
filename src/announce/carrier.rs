//! The way to a receiver, made from its configuration.

use std::sync::Arc;

use async_trait::async_trait;

use crate::announce::message::Message;
use crate::announce::queue::Outcome;
use crate::announce::{journal, program, webhook};
use crate::clock::Clock;
use crate::model::hook::{Hook, Way};

/// Carries messages to one receiver.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Carries one message; ends within the time that the receiver's configuration allows.
    async fn carry(&self, message: &Message) -> Outcome;
}

/// The carrier that `hook` describes. What cannot be made ready (a file of authorities that is gone) fails with each
/// delivery, and is read again then.
#[must_use]
pub fn carrier(hook: &Hook, clock: Arc<dyn Clock>) -> Arc<dyn Carrier> {
    match &hook.way {
        Way::Web(web) => Arc::new(webhook::Webhook::new(
            web.clone(),
            hook.format,
            hook.timeout,
            clock,
        )),
        Way::Program(program, arguments) => Arc::new(program::Program {
            path: program.clone(),
            arguments: arguments.clone(),
            timeout: hook.timeout,
        }),
        Way::Log(path) => Arc::new(journal::Log {
            path: path.clone(),
            format: hook.format,
        }),
    }
}
