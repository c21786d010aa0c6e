//! Takes up a new certificate when its files change, or at once on a signal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::tls::Certificate;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Looks at the files of a certificate, if there is one, for ever.
pub(super) async fn renew(certificate: Option<Arc<Certificate>>) {
    let Some(certificate) = certificate else { return };
    let mut turn = interval(LOOK);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, and the files were read just now.
    turn.tick().await;
    loop {
        turn.tick().await;
        look(certificate.clone()).await;
    }
}

/// Looks at the files once, and says what came of it.
pub async fn look(certificate: Arc<Certificate>) {
    // Files may be on a disk that does not answer: no request waits for it.
    let looked = tokio::task::spawn_blocking(move || certificate.step()).await;
    match looked {
        Ok(Ok(false)) => {}
        Ok(Ok(true)) => tracing::info!("a new certificate is served to new connections"),
        Ok(Err(error)) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the new certificate cannot be used; the old one stays"
        ),
        Err(_) => tracing::error!("the certificate could not be looked at"),
    }
}
