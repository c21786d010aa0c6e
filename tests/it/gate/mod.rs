//! The gate on one node: promise P2, and what must not shake it.

mod clocks;
mod ended;
mod freshness;
mod held;
mod history;
mod narrowing;
mod nodes;
mod proxies;
mod races;
mod reserved;
mod restore;
mod revoking;
mod secrets;
mod widening;

use crate::support::{App, Key, Tenant};

/// A project with an umbrella scope, an audience, and a key that may ask about all its tokens.
struct House<'a> {
    shop: &'a Tenant<'a>,
    witness: Key<'a>,
}

const AUDIENCE: &str = "https://orders.example.com";

async fn furnish(app: &App) -> Tenant<'_> {
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    shop.audience(AUDIENCE).await;
    shop
}

impl<'a> House<'a> {
    async fn of(shop: &'a Tenant<'a>) -> Self {
        let default = default_audience(shop);
        let witness = shop.key("portcullis:introspect").audiences(&[&default, AUDIENCE]).create().await;
        Self { shop, witness }
    }

    /// Whether the token passes: every judge must say the same.
    async fn admits(&self, token: &str) -> bool {
        let asked = self.witness.introspect(token).await.is_active();
        let judged = self.shop.app.get("/v1/auth/verify").bearer(token).send().await;
        assert_eq!(judged.status == 200, asked, "{}", judged.text());
        let (project, default) = (&self.shop.project.id, default_audience(self.shop));
        let proxy = format!("/verify?project={project}&audience={default}&audience={AUDIENCE}");
        let proxied = self.shop.app.get(&proxy).bearer(token).send().await;
        assert_eq!(proxied.status, judged.status, "{}", proxied.text());
        if !asked {
            assert_eq!((judged.status, judged.json()["reason"].as_str()), (401, Some("revoked")));
        }
        asked
    }
}

fn default_audience(shop: &Tenant<'_>) -> String {
    format!("{}/projects/{}", crate::support::ISSUER, shop.project.id)
}
