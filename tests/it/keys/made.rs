//! What is made is what whoever made it is told, at whatever moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use portcullis::domain::{KeyDetails, ProjectKind, RoleDetails, Timestamp};
use portcullis::time::Clock;

use crate::support::App;

/// A second passes between any two looks at it.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed).unsigned_abs())
    }
}

/// A role was kept as made a second after the one that was answered, where a second ended between the two.
#[tokio::test]
async fn what_is_made_is_kept_with_the_time_that_was_answered() {
    let mut app = App::start().await;
    let now = app.shell.clock.now().secs();
    app.shell.clock = Arc::new(Ticking(AtomicI64::new(now)));
    let acts = &app.shell;

    let project = acts.create_project("Shop", ProjectKind::Live).await.unwrap();
    let name = "support".parse().unwrap();
    let role = acts.create_role(&project.id, name, RoleDetails::default()).await.unwrap();
    let details = KeyDetails { name: "till".into(), ..KeyDetails::default() };
    let (key, _) = acts.create_key(&project.id, details).await.unwrap();

    assert_eq!(acts.store.role(&project.id, &role.name).await.unwrap().unwrap(), role);
    assert_eq!(acts.record(&key.id).await.unwrap().key, key);
    let kept = acts.store.project(&project.id).await.unwrap().unwrap();
    assert_eq!(kept.created_at, project.created_at);
}
