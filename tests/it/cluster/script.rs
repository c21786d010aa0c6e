//! `scripts/cluster`, as the README shows it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::house::{Key, ask, verdict};
use crate::support::{PROGRAM, free_port};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");

struct Running(Child);

impl Drop for Running {
    /// In order, so that it leaves nothing, however the test ends.
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
            self.0.wait().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_starts_a_cluster_behind_nginx_and_leaves_nothing() {
    let port = free_port();
    let mut script = Command::new(SCRIPT);
    script.env("PORT", port.to_string()).env("PORTCULLIS_PROGRAM", PROGRAM);
    let mut running = Running(script.stdout(Stdio::piped()).spawn().unwrap());
    let said = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = said.take_while(|line| !line.contains("Ctrl-C")).collect();
    assert!(running.0.try_wait().unwrap().is_none(), "{said:?}");
    let after =
        |begin: &str| said.iter().find_map(|line| line.strip_prefix(begin)).unwrap().trim().to_owned();
    let variables: Vec<_> = said
        .iter()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let shell = |arguments: &[&str]| -> Value {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--json").current_dir(folder.path()).envs(variables.clone());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let project = shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    shell(&["scope", "set", "orders:read", "--project", &project]);
    let made = shell(&["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (key, http) = (Key { id: text("key_id"), secret: text("secret") }, Client::new());
    let front = after("nginx");

    // Each time another one answers.
    let (status, body) = ask(&http, &front, &key).await;
    assert_eq!(status, 200, "{body}");
    let token = body["access_token"].as_str().unwrap();
    for _ in 0..6 {
        assert_eq!(verdict(&http, &front, token).await.0, 200);
    }
    assert_eq!(shell(&["nodes"])["items"].as_array().unwrap().len(), 3);
    shell(&["key", "block", &key.id]);
    for server in after("servers").split(' ') {
        let dead = async { while verdict(&http, server, token).await.0 != 401 {} };
        tokio::time::timeout(std::time::Duration::from_mins(1), dead).await.unwrap();
    }

    let (folder, database) = (after("logs"), after("database"));
    kill_process(Pid::from_child(&running.0), Signal::INT).unwrap();
    assert!(running.0.wait().unwrap().success());
    assert!(!Path::new(&folder).exists());
    let address = database.split_once('@').unwrap().1.split_once('/').unwrap().0;
    let gone = [address.parse().unwrap(), SocketAddr::from(([127, 0, 0, 1], port))];
    assert!(gone.iter().all(|address| TcpStream::connect(address).is_err()));
}
