//! Answers that are lost on the way from a server to a command: what is made is made once.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::Home;
use super::afar::far;
use crate::support::Serving;

/// A way to the administrators' listener that loses the first answer to each of these requests.
struct Leaky {
    url: String,
    /// The heads of all requests.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Leaky {
    fn to(serving: &Serving, lost: &'static [&'static str]) -> Self {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", door.local_addr().unwrap());
        let far = serving.admin.strip_prefix("http://").unwrap().to_owned();
        let seen = Arc::new(Mutex::new(Vec::<String>::new()));
        let told = seen.clone();
        std::thread::spawn(move || {
            for near in door.incoming() {
                let mut near = near.unwrap();
                let Some((head, body)) = request(&mut near) else { continue };
                let line = head.lines().next().unwrap().to_owned();
                let is_first = !told.lock().unwrap().iter().any(|seen| seen.starts_with(&line));
                told.lock().unwrap().push(head.clone());
                let mut server = TcpStream::connect(&far).unwrap();
                server.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).unwrap();
                if !(is_first && lost.iter().any(|lost| line.contains(lost))) {
                    near.write_all(&answer).unwrap();
                }
            }
        });
        Self { url, seen }
    }

    /// The names of the requests to this path.
    fn names(&self, line: &str) -> Vec<Option<String>> {
        let seen = self.seen.lock().unwrap();
        let name = |head: &String| {
            let line = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
            line.map(ToOwned::to_owned)
        };
        seen.iter().filter(|head| head.starts_with(line)).map(name).collect()
    }
}

/// The head of a request, up to its last line, and its body.
fn request(from: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = from.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some((format!("{head}\r\n"), body.to_owned()));
        }
    }
}

fn rows(home: &Home, act: &str) -> usize {
    let log = home.json(&["audit", "list"]);
    log["items"].as_array().unwrap().iter().filter(|row| row["act"] == act).count()
}

#[test]
fn what_is_made_is_made_once_however_often_it_is_asked_for() {
    let (home, serving, elsewhere) = far();
    let way = Leaky::to(&serving, &["POST /admin/v1/projects ", "POST /admin/v1/keys ", "GET "]);
    let server = ["--server", way.url.as_str()];
    let by = |line: &[&str]| elsewhere.run(&[line, &server].concat());

    let ran = by(&["project", "create", "Shop", "--json"]);

    assert_eq!((ran.status, rows(&home, "project.create")), (0, 1), "{ran:?}");
    let names = way.names("POST /admin/v1/projects ");
    assert!(names.len() == 2 && names[0].is_some() && names[0] == names[1], "{names:?}");
    assert_eq!(by(&["project", "list"]).status, 0, "and what changes nothing is asked again");

    // The secret was in the answer that was lost, and nowhere else.
    let made: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let project = made["project"].as_str().unwrap();
    let ran = by(&["key", "create", "--project", project, "--name", "k"]);
    assert_eq!((ran.status, rows(&home, "key.create")), (4, 1), "{ran:?}");
    let key = home.json(&["key", "list", "--project", project])["items"][0]["key_id"].clone();
    let key = key.as_str().unwrap();
    assert!(ran.stderr.contains(&format!("`portcullis key regenerate {key}` gives a new one")), "{ran:?}");
    assert_eq!(by(&["key", "regenerate", key]).status, 0);
}

/// Told "it is blocked already" nobody would know that they did it.
#[test]
fn an_act_that_names_itself_not_is_not_tried_again() {
    let (home, serving, elsewhere) = far();
    let (_, key) = home.project_and_key();
    let way = Leaky::to(&serving, &["/block"]);

    let ran = elsewhere.run(&["key", "block", &key, "--server", &way.url]);

    assert_eq!(ran.status, 4, "{ran:?}");
    assert_eq!(way.names(&format!("POST /admin/v1/keys/{key}/block")), [None]);
    assert_eq!(home.json(&["key", "show", &key])["state"], "blocked");
}

#[test]
fn a_webhook_is_made_once_and_what_is_sent_to_it_is_asked_for_once() {
    let (home, serving, elsewhere) = far();
    let project = home.project("Shop");
    let way = Leaky::to(&serving, &["POST ", "DELETE ", "PATCH ", "GET "]);
    let by = |line: &[&str]| elsewhere.run(&[line, &["--server", way.url.as_str()]].concat());

    let ran = by(&["webhook", "create", "--project", &project, "--url", "https://hooks.example/"]);

    assert_eq!((ran.status, rows(&home, "webhook.create")), (4, 1), "{ran:?}");
    let webhook = home.json(&["webhook", "list"])["items"][0]["webhook"].clone();
    let webhook = webhook.as_str().unwrap();
    let again = format!("`portcullis webhook rotate-secret {webhook}` gives a new one");
    assert!(ran.stderr.contains(&again), "{ran:?}");
    assert_eq!(by(&["webhook", "list"]).status, 0, "what changes nothing is asked again");

    // Sent twice, a rotation would end the secret that the receiver has, and a test would be two.
    for (line, act) in [
        (&["webhook", "edit", webhook, "--state", "paused"][..], "webhook.edit"),
        (&["webhook", "rotate-secret", webhook], "webhook.rotate_secret"),
        (&["webhook", "test", webhook], "webhook.test"),
        (&["webhook", "delete", webhook], "webhook.delete"),
    ] {
        let ran = by(line);
        assert_eq!((ran.status, rows(&home, act)), (4, 1), "{ran:?}");
    }
}
