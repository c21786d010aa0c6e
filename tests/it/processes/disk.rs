//! A disk that takes no more: nothing is issued, everything is still judged, and nobody needs to
//! restart anything once there is room.

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::Scene;

impl Scene {
    /// From now on none of the server's files may grow beyond this.
    fn limit_files(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(self.serving.id().try_into().unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_stops_minting_but_not_judging_and_is_got_over_without_a_restart() {
    let scene = Scene::set();
    let (kept, revoked) = (scene.token().await, scene.token().await);
    let revoke = async |token: &str| {
        let request = scene.http.post(format!("{}/oauth/revoke", scene.serving.url));
        let request = request
            .basic_auth(&scene.key, Some(&scene.secret))
            .header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("token={token}")).send().await.unwrap().status().as_u16()
    };

    for round in 0..3 {
        scene.limit_files(Some(0));
        for _ in 0..5 {
            let (status, body) = scene.mint().await;
            assert_eq!((status, &body["error"]), (503, &"temporarily_unavailable".into()), "round {round}");
            assert_eq!(scene.verify(&kept).await.0, 200);
        }
        // What could not be written was not acknowledged either.
        assert_eq!(revoke(&revoked).await, 503, "round {round}");

        scene.limit_files(None);
        let token = scene.token().await;
        assert_eq!(scene.verify(&token).await.0, 200);
    }

    assert_eq!(scene.verify(&revoked).await.0, 200);
    assert_eq!(revoke(&revoked).await, 200);
    assert_eq!((scene.verify(&revoked).await.0, scene.verify(&kept).await.0), (401, 200));
    let log = scene.serving.shell(&["token", "list", "--key", &scene.key]);
    assert_eq!(log["items"].as_array().unwrap().len(), 5, "two, and one after each time");
    scene.serving.shell(&["audit", "verify"]);
}
