//! The same command lines here and through the administrators' API, and what they say.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::afar::far;
use super::{Home, Ran, redacted};
use crate::support::Serving;

/// An installation that is served, and where its commands are run: beside it, or in another folder.
struct Scene {
    home: Home,
    elsewhere: Option<Home>,
    serving: Serving,
    /// What things are called, by what the script calls them.
    names: BTreeMap<&'static str, String>,
}

impl Scene {
    fn here() -> Self {
        let home = Home::founded();
        let serving = Serving::start(&home.path(""));
        Self { home, elsewhere: None, serving, names: BTreeMap::new() }
    }

    fn afar() -> Self {
        let (home, serving, elsewhere) = far();
        Self { home, elsewhere: Some(elsewhere), serving, names: BTreeMap::new() }
    }

    /// A line, in which names stand in braces, as arguments.
    fn words(&self, line: &str) -> Vec<String> {
        let word = |word: &str| {
            let named =
                |word: String, (name, value): (&&str, &String)| word.replace(&format!("{{{name}}}"), value);
            self.names.iter().fold(word.to_owned(), named).replace('~', " ")
        };
        line.split(' ').map(word).collect()
    }

    fn run_in(&self, folder: &Home, line: &str) -> Ran {
        let words = self.words(line);
        folder.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn run(&self, line: &str) -> Ran {
        self.run_in(self.elsewhere.as_ref().unwrap_or(&self.home), line)
    }

    /// Keeps what a line's JSON says under a name, and its status.
    fn name(&mut self, name: &'static str, line: &str, pointer: &str) {
        let ran = self.run(&format!("{line} --json"));
        let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{line}: {ran:?}"));
        let value = said.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{line}: {said}"));
        self.names.insert(name, value.to_owned());
    }

    /// Mints a token with the key of the script, and keeps its id.
    fn mint(&mut self) {
        let key = json!({ "key_id": self.names["key"], "secret": self.names["secret"] });
        self.home.private("key.json", &key.to_string());
        self.home.done(&["token", "request", "--server", &self.serving.url, "--credentials", "key.json"]);
        self.name("jti", "token list --key {key} --limit 1", "/items/0/jti");
    }

    /// Makes a key, and has a stranger report its secret.
    fn leak(&mut self) {
        let create = "key create --project {other} --name leaked --json";
        let made: Value = serde_json::from_str(&self.run(create).stdout).unwrap();
        self.names.insert("leaked", made["key_id"].as_str().unwrap().to_owned());
        let report =
            json!({ "secrets": [made["secret"]], "source": "paste", "url": "https://paste.example" });
        let reported = Command::new("curl")
            .args(["-fsS", "-H", "Content-Type: application/json", "-d", &report.to_string()])
            .arg(format!("{}/v1/leaks", self.serving.url))
            .output()
            .unwrap();
        assert!(reported.status.success(), "{reported:?}");
    }

    /// What a line says in this folder; if it is refused, to programs as well.
    fn told(&self, folder: &Home, line: &str) -> (i32, String, String) {
        let Ran { status, stdout, stderr } = self.run_in(folder, line);
        if status == 0 || line.ends_with("--json") {
            return (status, stdout, stderr);
        }
        let again = self.run_in(folder, &format!("{line} --json"));
        assert_eq!(again.status, status, "{line}");
        (status, stdout, stderr + &again.stderr)
    }

    /// What a line says, without what differs from run to run.
    fn said(&self, line: &str) -> (i32, String, String) {
        let (status, stdout, stderr) = self.told(self.elsewhere.as_ref().unwrap_or(&self.home), line);
        let plain = |text: &str| {
            let text = self.names.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(value.as_str(), &format!("<{name}>"))
            });
            // How wide columns are depends on names of nodes and on times.
            let lines: Vec<_> =
                text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
            unnamed(&redacted(&lines.join("\n")))
        };
        (status, plain(&stdout), plain(&stderr))
    }
}

/// Names of nodes and of signing keys that the script does not know, and how old a copy is.
fn unnamed(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut words = Vec::new();
    for word in text.split_inclusive(|c| !is_word(c)) {
        let (name, rest) = word.split_at(word.trim_end_matches(|c| !is_word(c)).len());
        let mixed = name.chars().any(char::is_uppercase) || name.chars().any(|c| c.is_ascii_digit());
        let replaced = match name.len() {
            12 if mixed && name.chars().all(|c| c.is_ascii_alphanumeric()) => "[node]",
            43 => "[kid]",
            _ => name,
        };
        words.push(format!("{replaced}{rest}"));
    }
    words.concat()
}

/// What is asked, in this order.
const SCRIPT: &[&str] = &[
    "project create Mill --sandbox --live-tokens 5",
    "project list --limit 1",
    "project list --limit 1 --after {project} --json",
    "project list",
    "project show {project}",
    "project show {project} --json",
    "project show prj_none",
    "project edit {project} --name Market --algorithm EdDSA --live-tokens 100 --raw-keys true --on-leak flag",
    "project show {project} --json",
    "project edit {project} --live-tokens unlimited --json",
    "project edit {project} --raw-keys false --on-leak block --json",
    "project edit portcullis --raw-keys true",
    "scope set api --project {project} --include orders:read --description All~of~it",
    "scope set api --project {project} --include orders:read,orders:write --json",
    "scope set portcullis:x --project {project}",
    "scope list --project {project}",
    "scope list --project {project} --json",
    "scope list --project prj_none",
    "scope remove nothing --project {project}",
    "scope remove orders:write --project {project}",
    "audience add https://api.example/v1?x=1 --project {project}",
    "audience add https://api.example/v1?x=1 --project {project} --json",
    "audience add http://127.0.0.1:8080/admin --project {project}",
    "audience list --project {project} --json",
    "audience remove https://none.example --project {project}",
    "audience remove https://api.example/v1?x=1 --project {project}",
    "role create reader --project {project} --permission orders:read,stock:read --description Reads",
    "role create reader --project {project}",
    "role create x --project portcullis",
    "role list --project {project} --json",
    "role list --project prj_none",
    "role show reader --project {project}",
    "role show none --project {project}",
    "role edit reader --project {project} --remove-permission stock:read --wait --json",
    "role edit none --project {project} --description x",
    "role edit reader --project {project} --add-permission shelf:read",
    "key create --project {project} --name by-role --role reader --json",
    "role delete reader --project {project}",
    "role create gone --project {project} --json",
    "role delete gone --project {project} --json",
    "key edit {key} --role none",
    "key edit {key} --role reader --json",
    "key edit {key} --no-role",
    "key create --project {project} --name door --permission api,doors:open --allow 0.0.0.0/0 --json",
    "key create --project {project} --name door",
    "key create --project {project}",
    "key create --project prj_none --name door",
    "key create --project portcullis --permission portcullis:keys:read --json",
    "key create --project portcullis",
    "key list --project {project}",
    "key list --project {project} --limit 1 --json",
    "key list --project {project} --limit 1 --after {key}",
    "key list --project prj_none",
    "key list",
    "key list --search K --state active --json",
    "key list --search nobody~is~called~so",
    "key list --state asleep",
    "key hygiene --project {project}",
    "key hygiene --project {project} --json",
    "key hygiene --project {project} --limit 1",
    "key hygiene --project {project} --limit 1 --json",
    "key hygiene --project {project} --after {key} --json",
    "key hygiene --project {empty} --json",
    "key hygiene --project prj_none",
    "key hygiene --key {key} --unused 1d --expiring 36500d --over-broad 1d --json",
    "key hygiene --key pk_live_0000000000000000",
    "key hygiene --unused 90h",
    "key show {leaked}",
    "key list --project {other} --flagged --json",
    "key clear-flags {leaked} --note seen",
    "key clear-flags {leaked} --json",
    "key clear-flags {leaked}",
    "key clear-flags {key} --reason nothing",
    "key clear-flags pk_live_0000000000000000",
    "key show {leaked} --json",
    "key show {key}",
    "key show {key} --json",
    "key show pk_live_0000000000000000",
    "key edit {key} --name till --token-lifetime 5m --add-permission orders:delete",
    "key edit {key} --allow 127.0.0.0/8 --expires 2100-01-01 --json",
    "key edit {key} --allow 10.0.0.0/8 --reason privilege_withdrawn --note a~note --wait=20s --json",
    "key edit {key} --name till",
    "key edit {key} --allow-any --never-expires --require-scope true",
    "key edit pk_live_0000000000000000 --name x",
    "key edit {key}",
    "key secret add {key} --expires 2100-01-01",
    "key secret list {key} --json",
    "key secret expire {key} {secret_id} --in 24h --json",
    "key secret expire {key} {secret_id}",
    "key secret expire {key} {secret_id}",
    "key secret list {key}",
    "key regenerate {key} --overlap 24h",
    "key regenerate {key} --json",
    "key unblock {key}",
    "key revoke-tokens {key} --wait",
    "key block {key} --reason key_compromise --note leaked --wait=20s",
    "key block {key}",
    "key unblock {key}",
    "key delete {key}",
    "key delete {key} --yes --json",
    "key delete {key} --yes",
    "key unblock {key}",
    "token list --key {key}",
    "token list --key {key} --since 1h --json",
    "token list --key pk_live_0000000000000000",
    "token list --project {project} --json",
    "token list --project {project} --address 127.0.0.1 --since 1h --until 2100-01-01 --json",
    "token list --subject {key} --limit 1",
    "token list --subject nobody",
    "token list --project {other}",
    "token list --until 1970-01-01",
    "token revoke {jti} --wait --json",
    "token revoke AAAAAAAAAAAAAAAAAAAAAA",
    "signing-key list",
    "signing-key list --json",
    "signing-key rotate --algorithm RS256",
    "signing-key rotate --feed --json",
    "signing-key rotate --feed",
    "signing-key retire {kid} --now",
    "signing-key retire {kid} --now --json",
    "signing-key retire AAAA --now",
    "webhook list",
    "webhook list --project {project} --json",
    "webhook create --project {project} --url https://hooks.example/b?x=1 --event key.block --event leak.*",
    "webhook create --project {project} --url https://hooks.example/c --description To~the~desk --json",
    "webhook create --all-projects --url https://hooks.example/all --json",
    "webhook create --all-projects --url https://hooks.example/all",
    "webhook create --project prj_none --url https://hooks.example/",
    "webhook create --project {project} --url https://hooks.example/ --description {long}",
    "webhook create --project {project} --url https://hooks.example/ --event key.blocked",
    "webhook create --project {project} --url ftp://hooks.example/",
    "webhook create --url https://hooks.example/",
    "webhook list",
    "webhook list --limit 1 --json",
    "webhook list --limit 2 --after {webhook} --json",
    "webhook list --project {project} --limit 1",
    "webhook list --project prj_none",
    "webhook show {webhook}",
    "webhook show {webhook} --json",
    "webhook show whk_0000000000000000",
    "webhook edit {webhook} --url https://hooks.example/new --event secret.* --description New",
    "webhook edit {webhook} --all-events --json",
    "webhook edit {webhook} --description {long}",
    "webhook edit whk_0000000000000000 --state paused",
    "webhook edit {webhook}",
    "webhook test {webhook}",
    "webhook test {webhook} --json",
    "webhook test whk_0000000000000000",
    "webhook deliveries {webhook}",
    "webhook deliveries {webhook} --state waiting --limit 2 --json",
    "webhook deliveries {webhook} --state failed",
    "webhook deliveries {webhook} --after {message} --json",
    "webhook deliveries whk_0000000000000000",
    "webhook redeliver {webhook} {message}",
    "webhook redeliver {webhook} {message} --json",
    "webhook redeliver {webhook} msg_0000000000000000000000",
    "webhook redeliver whk_0000000000000000 {message}",
    "webhook rotate-secret {webhook}",
    "webhook rotate-secret {webhook} --overlap 7d --json",
    "webhook rotate-secret {webhook} --overlap 8d",
    "webhook rotate-secret whk_0000000000000000",
    "webhook edit {webhook} --state disabled --json",
    "webhook test {webhook}",
    "webhook redeliver {webhook} {message}",
    "webhook show {webhook} --json",
    "webhook delete whk_0000000000000000",
    "webhook delete {webhook}",
    "webhook delete {webhook}",
    "webhook delete {spare} --json",
    "audit list --after 3 --limit 2 --json",
    "audit list --after 100000",
    "audit list --project {project} --act key.block --json",
    "audit list --target {key} --newest --limit 2",
    "audit list --actor system --since 1h",
    "audit list --newest --after 4 --until 2100-01-01 --json",
    "audit list --act nothing",
    "audit list --newest --follow",
    "audit verify",
    "audit verify --head 1:0000000000000000000000000000000000000000000000000000000000000000",
    "audit export --after 100000",
    "audit export --project {project} --act scope.set",
    "audit export --act nothing --format csv",
];

/// What only looks, of which the same installation says the same, to the letter, here and from afar.
fn only_looks(line: &str) -> bool {
    let word = |at: usize| line.split(' ').nth(at).unwrap_or_default();
    let looks = ["list", "show", "hygiene", "deliveries"];
    word(0) == "audit" || [word(1), word(2)].iter().any(|word| looks.contains(word))
}

fn play(mut scene: Scene) -> Vec<(&'static str, (i32, String, String))> {
    scene.name("project", "project create Shop", "/project");
    scene.name("other", "project create Another", "/project");
    assert_eq!(scene.run("scope set orders:read --project {project}").status, 0);
    let create = "key create --project {project} --name k --permission orders:read --json";
    let made: Value = serde_json::from_str(&scene.run(create).stdout).unwrap();
    for (name, called) in [("key", "key_id"), ("secret", "secret")] {
        scene.names.insert(name, made[called].as_str().unwrap().to_owned());
    }
    scene.name("secret_id", "key secret list {key}", "/items/0/secret_id");
    let keys: Value = serde_json::from_str(&scene.run("signing-key list --json").stdout).unwrap();
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["purpose"] == "tokens").unwrap();
    scene.names.insert("kid", key["kid"].as_str().unwrap().to_owned());
    scene.mint();
    scene.leak();
    scene.name("empty", "project create Empty", "/project");
    for name in ["webhook", "spare"] {
        scene.name(name, "webhook create --project {project} --url https://hooks.example/in", "/webhook");
        // Nothing leaves the machine: what is for it waits.
        assert_eq!(scene.run(&format!("webhook edit {{{name}}} --state paused")).status, 0);
    }
    assert_eq!(scene.run("webhook test {webhook}").status, 0);
    scene.name("message", "webhook deliveries {webhook}", "/items/0/message");
    scene.names.insert("long", "x".repeat(1001));
    let mut said = Vec::new();
    for line in SCRIPT {
        if !only_looks(line) {
            said.push((*line, scene.said(line)));
        } else if let Some(elsewhere) = &scene.elsewhere {
            let [here, afar] = [&scene.home, elsewhere].map(|folder| scene.told(folder, line));
            assert_eq!(here, afar, "{line}\nleft: here, right: from afar");
            said.push((*line, (here.0, String::new(), String::new())));
        } else {
            said.push((*line, (scene.run(line).status, String::new(), String::new())));
        }
    }
    said
}

#[test]
fn the_same_command_lines_say_the_same_here_and_from_afar() {
    let afar = std::thread::spawn(|| play(Scene::afar()));
    let here = play(Scene::here());
    let afar = afar.join().unwrap();
    let (mut statuses, mut others) = (BTreeMap::<i32, u32>::new(), Vec::new());
    for ((line, here), (_, afar)) in here.iter().zip(&afar) {
        if here != afar {
            others.push(format!("{line}\nhere: {here:?}\nafar: {afar:?}"));
        }
        *statuses.entry(here.0).or_default() += 1;
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    assert!(statuses[&0] > 80 && statuses[&1] > 35 && statuses[&2] >= 8, "{statuses:?}");
}
