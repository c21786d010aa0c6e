//! TLS to the database: by it goes everything, listening included; and a server that cannot prove who
//! it is is refused at the start, in words.

use super::house::House;
use super::shell::Shell;
use crate::support::{Authority, PostgresDatabase, PostgresServer};

/// What the setting adds to be safe from others.
fn believing(authority: &Authority) -> String {
    format!("?sslmode=verify-full&sslrootcert={}", authority.path("ca.pem").display())
}

/// A database server that speaks nothing else, by a certificate for this name.
async fn speaking_tls(authority: &Authority, name: &str) -> PostgresServer {
    let mut server = PostgresServer::start().await;
    server.stop();
    server.speak_only_tls(authority.certify_as(&[name], 2999));
    server.run().await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_to_the_database_by_tls_and_what_is_listened_for_too() {
    let authority = Authority::new();
    let server = speaking_tls(&authority, "127.0.0.1").await;
    let mut house = House::on(&server, 0).await;
    let url = house.url_by(server.address()) + &believing(&authority);
    house.shell = Shell::at(&url);
    for _ in 0..2 {
        house.add(&[("PORTCULLIS_DATABASE", &url)]);
    }
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(0, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;
    house.shell.done(&["key", "block", &key.id]);
    house.dead_everywhere(&doomed).await;
    house.all_is_well(&valid, &other).await;

    let (ours, plain, listening): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE NOT ssl), count(*) FILTER (WHERE ssl AND query LIKE 'LISTEN%') \
         FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'portcullis'",
    )
    .fetch_one(&mut house.connect().await)
    .await
    .unwrap();
    assert!(
        ours >= 4 && plain == 0 && listening == 2,
        "{ours} connections, {plain} plain, {listening} listen"
    );
    let plainly = Shell::at(&(house.url_by(server.address()) + "?sslmode=disable"));
    assert_eq!(plainly.run(&["nodes"]).status.code(), Some(4), "this server takes nobody without TLS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_prove_who_it_is_is_refused_at_the_start() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = speaking_tls(&authority, "127.0.0.1").await;
    let house = House::on(&server, 0).await;
    let (by_address, silent) = (house.url_by(server.address()), PostgresDatabase::bare().await.tcp_url());
    let by_name = by_address.replace("@127.0.0.1:", "@localhost:");
    let nowhere = authority.path("none.pem");
    for (what, url, status, said) in [
        ("another authority", by_address.clone() + &believing(&stranger), 4, "sslrootcert=/path/to/ca.pem"),
        ("another name", by_name + &believing(&authority), 4, "as the certificate has it"),
        ("no TLS", silent + &believing(&authority), 4, "set ssl = on there"),
        (
            "no file",
            format!("{by_address}?sslmode=verify-full&sslrootcert={}", nowhere.display()),
            4,
            "is not there: sslrootcert",
        ),
        (
            "nothing to check by it",
            format!("{by_address}?sslrootcert={}", authority.path("ca.pem").display()),
            3,
            "add sslmode=verify-full",
        ),
    ] {
        let start = Shell::at(&url).run(&["serve", "--listen-public", "127.0.0.1:0"]);
        let told = String::from_utf8_lossy(&start.stderr).into_owned();
        assert_eq!(start.status.code(), Some(status), "{what}: {told}");
        assert!(told.contains(said) && told.contains("database"), "{what}: {told}");
        assert!(!told.contains("secret") && start.stdout.is_empty(), "{what}: {told}");
    }
}
