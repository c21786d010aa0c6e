//! Two clocks that do not agree: nobody is admitted, for nobody knows when a token ends.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis::store::{Error, Unavailable};

use super::{House, furnish};
use crate::support::{Build, Hand, TestClock};

const TOLERANCE: Duration = Duration::from_secs(5);

/// Within the tolerance all is well; beyond it the copy learns and is stale; set right, it admits.
#[tokio::test]
async fn a_clock_that_is_off_makes_the_copy_stale_and_keeps_it_learning() {
    let theirs = TestClock::shared();
    let app = Build::default().store(Hand::telling(theirs.clone()).wrap()).start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, revoked) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, dead) = (key.token("").await, revoked.token("").await);
    let poll = Duration::from_secs(5);

    for ahead in [true, false] {
        let step =
            |span| if ahead { theirs.step_wall_forward(span) } else { app.clock.step_wall_forward(span) };
        let both = |span| {
            theirs.advance(span);
            app.clock.advance(span);
        };
        step(TOLERANCE);
        both(poll);
        app.follow().await;
        assert!(house.admits(&token).await);

        step(Duration::from_millis(1));
        both(poll);
        revoked.act(KeyAct::RevokeTokens).await;
        let off = app.server.sync.step().await;
        assert!(matches!(off, Err(Error::Unavailable(Unavailable::Clock(_)))), "{off:?}");
        for _ in 0..3 {
            assert_eq!(app.get("/readyz").send().await.status, 503);
            assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 503);
            assert_eq!(key.ask("").send().await.status, 503);
            // Something new is no proof, and does not make it fresh.
            revoked.act(KeyAct::RevokeTokens).await;
            assert!(app.server.sync.step().await.is_err());
        }

        let right = if ahead { &app.clock } else { &theirs };
        right.step_wall_forward(TOLERANCE + Duration::from_millis(1));
        app.follow().await;
        assert!(house.admits(&token).await);
        assert!(!house.admits(&dead).await, "it has learnt meanwhile");
    }
}
