//! The database and what is in it.

use super::{Finding, Surroundings, clock};
use crate::config::Settings;
use crate::domain::signing_key::{SigningKeyState, SigningPurpose};
use crate::domain::{SigningAlgorithm, Timestamp};
use crate::installation::database::Place;
use crate::installation::files::Files;
use crate::installation::{Error as Unopened, derive_issuer, master};
use crate::signing::Ring;
use crate::store::{Error, Founded, Health, Store, StoredSigningKey, Unavailable};

pub(super) async fn examine(
    store: &dyn Store,
    place: &Place<'_>,
    settings: &Settings,
    surroundings: &Surroundings,
) -> Vec<Finding> {
    let files = &Files::in_folder(&settings.data_dir);
    let mut findings = match store.health().await {
        Ok(health) => of_health(&health, place, surroundings),
        Err(error) => vec![unusable(&error)],
    };
    match store.installation().await {
        Ok(Some(founded)) => {
            findings.push(mark(&founded));
            findings.push(issuer(&founded, settings));
            findings.extend(keys(store, files, settings, surroundings.clock.now()).await);
            findings.extend(default_project(store, settings).await);
        }
        Ok(None) => {
            let fix = "run `portcullis init` or `portcullis serve`";
            findings.push(Finding::wrong("installation", "the database is empty", fix));
        }
        Err(error) => findings.push(unusable(&error)),
    }
    findings
}

/// A database that does not answer.
pub(super) fn unusable(error: &Error) -> Finding {
    if let Error::Unavailable(Unavailable::Damaged) | Error::Corrupt { .. } = error {
        return Finding::wrong("integrity", error.to_string(), "restore a backup, and look at the disk");
    }
    let fix = "end whatever holds it, correct owner and permissions, or restore a backup";
    Finding::wrong("database", error.to_string(), fix)
}

fn of_health(health: &Health, place: &Place<'_>, surroundings: &Surroundings) -> Vec<Finding> {
    let (is_durable, said) = &health.durable;
    let durability = if *is_durable {
        Finding::ok("durability", said)
    } else {
        let fix = "turn on what is off there; nothing else may change how the database is written";
        Finding::wrong("durability", said, fix)
    };
    let integrity = match health.faults.first() {
        None => Finding::ok("integrity", health.sound),
        Some(fault) => Finding::wrong("integrity", fault, "restore a backup, and look at the disk"),
    };
    let database =
        Finding::ok("database", format!("{}, {}, can be read and written", place.name(), health.engine));
    vec![database, durability, integrity, clock(health, surroundings.clock.as_ref())]
}

fn mark(founded: &Founded) -> Finding {
    match &founded.backup_mark {
        None => Finding::ok("installation", format!("founded {}", founded.created_at)),
        Some(mark) => Finding::wrong(
            "installation",
            format!("it is a backup's copy ({mark})"),
            "run `portcullis restore` with this file and another --data-dir",
        ),
    }
}

/// The public name of the server, held against settings and listener.
fn issuer(founded: &Founded, settings: &Settings) -> Finding {
    const CHECK: &str = "issuer";
    let (on_record, listener) = (&founded.issuer, settings.listen_public);
    match derive_issuer(settings, listener) {
        Some(wanted) if wanted != *on_record => Finding::wrong(
            CHECK,
            format!("tokens are issued as {on_record}, the settings say {wanted}"),
            format!("set `issuer` to {on_record}, or start the server once with --accept-new-issuer"),
        ),
        _ if is_elsewhere(on_record, settings) => Finding::warning(
            CHECK,
            format!("{on_record}, but the server listens on {listener}"),
            "make sure that something forwards the one to the other",
        ),
        _ => Finding::ok(CHECK, format!("{on_record}, listener {listener}")),
    }
}

/// The project that proxies need not name.
async fn default_project(store: &dyn Store, settings: &Settings) -> Option<Finding> {
    const CHECK: &str = "default project";
    let project = settings.default_project.as_ref()?;
    Some(match store.project(project).await {
        Ok(Some(project)) => Finding::ok(CHECK, format!("{}, called {}", project.id, project.name)),
        Ok(None) => {
            let fix = "set verify.default_project to one that `portcullis project list` shows";
            Finding::wrong(CHECK, format!("there is no project {project}: nobody passes at /verify"), fix)
        }
        Err(error) => unusable(&error),
    })
}

/// Whether clients that follow the issuer's URL on this machine would find nobody.
fn is_elsewhere(issuer: &str, settings: &Settings) -> bool {
    let port = settings.listen_public.port();
    let stated = issuer.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
    let stated =
        stated.map(|host| host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80));
    port != 0 && stated.is_some_and(|stated: u16| stated != port)
}

/// Master key and signing keys.
async fn keys(store: &dyn Store, files: &Files, settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let (sealed, signing) = match (store.data_keys().await, store.signing_keys().await) {
        (Ok(sealed), Ok(signing)) => (sealed, signing),
        (Err(error), _) | (_, Err(error)) => return vec![unusable(&error)],
    };
    match master::open(&sealed, files, settings.master_key.as_ref()) {
        Ok(opened) => {
            let damage = Ring::open(&signing, &opened.data_keys.signing).err();
            vec![master_key(&opened, settings), signing_keys(&signing, damage.as_ref(), now)]
        }
        Err(error) => vec![no_master_key(&error)],
    }
}

fn master_key(opened: &master::Opened, settings: &Settings) -> Finding {
    const CHECK: &str = "master key";
    if opened.by_next {
        let found = "a rotation was cut off: master.key.next opens this database, master.key does not";
        return Finding::warning(CHECK, found, "start the server or run any other command: it finishes it");
    }
    let place = if settings.master_key.is_some() { "the environment" } else { "its file" };
    Finding::ok(CHECK, format!("the one in {place} opens this database"))
}

fn no_master_key(error: &Unopened) -> Finding {
    const CHECK: &str = "master key";
    match error {
        Unopened::NoMasterKey(path) => {
            let found = format!("neither PORTCULLIS_MASTER_KEY nor {} exists", path.display());
            Finding::wrong(CHECK, found, "restore it: nothing can be opened without it")
        }
        Unopened::MasterKey(wrong) => {
            Finding::wrong(CHECK, wrong.to_string(), "restore the master.key that belongs to this database")
        }
        other => Finding::wrong(CHECK, other.to_string(), "correct the file"),
    }
}

fn signing_keys(
    stored: &[StoredSigningKey],
    damage: Option<&crate::signing::Error>,
    now: Timestamp,
) -> Finding {
    const CHECK: &str = "signing keys";
    if let Some(damage) = damage {
        return Finding::wrong(CHECK, damage.to_string(), "restore a backup");
    }
    let signs_tokens = |key: &&StoredSigningKey| key.purpose == SigningPurpose::Tokens;
    let in_state =
        |state| stored.iter().filter(signs_tokens).filter(move |key| key.times.state(now) == state);
    let states = [SigningKeyState::Signing, SigningKeyState::Announced, SigningKeyState::Retiring];
    let counted = states.map(|state| format!("{} {state}", in_state(state).count())).join(", ");
    if in_state(SigningKeyState::Signing).next().is_none() {
        return Finding::wrong(CHECK, counted, "no token can be signed; run `portcullis signing-key rotate`");
    }
    let signs: Vec<_> = SigningAlgorithm::ALL
        .into_iter()
        .filter(|algorithm| in_state(SigningKeyState::Signing).any(|key| key.algorithm == *algorithm))
        .map(SigningAlgorithm::as_str)
        .collect();
    Finding::ok(CHECK, format!("{counted}; tokens are signed with {}", signs.join(", ")))
}
