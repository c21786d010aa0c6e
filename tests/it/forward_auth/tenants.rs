//! Nothing of one project passes the proxy of another, and nothing that was judged for one question
//! is the answer to another (threats S27, S28, S49).

use super::{admitted, of, refused, verify};
use crate::support::{App, ISSUER, part};

#[tokio::test]
async fn a_token_passes_for_its_own_project_alone() {
    // S49: same scopes, same subject, same names.
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let default = format!("{ISSUER}/projects/{}", shop.project.id);
    shop.audience("https://orders.example.com").await;
    let ours = shop.key("orders:read").create().await.token("").await;
    let theirs = rival.key("orders:read").create().await.token("").await;
    let admins = app.admin().token("").await;
    let foreign = refused(401, "project");
    for more in
        ["", "&scope=orders:read", &format!("&audience={default}"), "&audience=https://orders.example.com"]
    {
        assert_eq!(of(verify(&shop, more).bearer(&theirs)).await, foreign, "{more}");
        assert_eq!(of(verify(&shop, more).bearer(&admins)).await, foreign, "{more}");
    }
    assert_eq!(of(verify(&rival, "").bearer(&ours)).await, foreign);
    assert_eq!(of(verify(&rival, &format!("&audience={default}")).bearer(&ours)).await, foreign);
    assert_eq!(of(verify(&shop, "").bearer(&ours)).await, admitted());
    // Nobody's project.
    for nobodys in ["prj_0000000000000000", "PRJ_x", "portcullis"] {
        assert_eq!(
            of(app.get(&format!("/verify?project={nobodys}")).bearer(&ours)).await,
            foreign,
            "{nobodys}"
        );
    }
}

#[tokio::test]
async fn an_audience_that_changed_hands_takes_no_old_token_along() {
    const NAME: &str = "https://a.example.com";
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience(NAME).await;
    let old = shop.key("orders:read").audiences(&[NAME]).create().await.token("").await;
    app.shell.remove_audience(&shop.project.id, NAME.parse().unwrap()).await.unwrap();
    rival.audience(NAME).await;
    let new = rival.key("orders:read").audiences(&[NAME]).create().await.token("").await;
    assert_eq!(part(&old, 1)["aud"], part(&new, 1)["aud"]);
    let more = format!("&audience={NAME}");
    assert_eq!(of(verify(&rival, &more).bearer(&old)).await, refused(401, "project"));
    assert_eq!(of(verify(&shop, &more).bearer(&old)).await, refused(401, "revoked"));
    assert_eq!(of(verify(&shop, &more).bearer(&new)).await, refused(401, "project"));
    assert_eq!(of(verify(&rival, &more).bearer(&new)).await, admitted());
}

#[tokio::test]
async fn what_a_token_passed_for_once_says_nothing_of_another_question() {
    // S28: each question differs from one that passed, and was asked just before, in one thing.
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let key = shop.key("orders:read").allow("192.0.2.0/24").create().await;
    let token = key.token("").await;
    let passes = || verify(&shop, "&scope=orders:read").bearer(&token);
    for (question, expected) in [
        (verify(&shop, "&scope=orders:write").bearer(&token), refused(403, "insufficient_scope")),
        (passes().header("x-required-scope", "admin"), refused(403, "insufficient_scope")),
        (passes().from("198.51.100.1"), refused(403, "address")),
        (passes().without_address(), refused(403, "address")),
        (verify(&rival, "&scope=orders:read").bearer(&token), refused(401, "project")),
        (verify(&shop, "&scope=orders:read&audience=urn:a").bearer(&token), refused(401, "audience")),
        (verify(&shop, "&scope=orders:read").bearer(&token[..token.len() - 1]), refused(401, "signature")),
    ] {
        assert_eq!(of(passes()).await, admitted());
        assert_eq!(of(question).await, expected);
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_of_a_token_that_is_not_theirs_to_judge() {
    // S27: what is refused describes neither the token nor its owner (`verdict` looks at the headers),
    // and of a foreign token no more is said than that it is foreign, whatever else is wrong with it.
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let live = shop.key("orders:read").create().await.token("").await;
    let revoked = shop.key("orders:read").create().await;
    let dead = revoked.token("").await;
    revoked.post("/oauth/revoke", &format!("token={dead}")).send().await;
    let bound = shop.key("orders:read").allow("192.0.2.0/24").create().await.token("").await;
    let mut answers = Vec::new();
    for token in [&live, &dead, &bound] {
        answers.push(verify(&rival, "&scope=x").bearer(token).from("198.51.100.1").send().await.whole());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(!answers[0].contains("orders:read") && !answers[0].contains(shop.project.id.as_str()));
}
