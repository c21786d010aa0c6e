//! `backup` and `restore`, killed while they are at it: not after a time, but as soon as a file
//! shows how far they are.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;

use super::Home;

const COPY: &str = "copy.db";
/// Slow machines take more than one try to be in time.
const TRIES: usize = 20;

impl Home {
    /// An installation whose copy takes long enough to be interrupted, and a key.
    async fn bulky() -> (Self, String) {
        let home = Self::founded();
        let (_, key) = home.project_and_key();
        home.tamper(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
             INSERT INTO issued_tokens SELECT randomblob(16), 'pk_x', 'prj_x', 'pk_x', 'orders:read', \
               hex(randomblob(100)), NULL, 1795305599000, 1795306499000, NULL FROM n",
        )
        .await;
        (home, key)
    }

    /// Runs a command and kills it at this sign; whether it was in time.
    pub(super) fn killed_at(&self, arguments: &[&str], sign: impl Fn() -> bool) -> bool {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !sign() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap().signal().is_some()
    }

    /// The files of a folder whose names begin like this.
    pub(super) fn beginning(&self, folder: &str, begin: &str) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap());
        let like = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
        like.map(|entry| entry.path()).collect()
    }
}

fn longer_than(path: &Path, bytes: u64) -> bool {
    path.metadata().is_ok_and(|file| file.len() > bytes)
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_no_file_of_its_name() {
    let (home, _) = Home::bulky().await;
    let drafts = || home.beginning("", ".portcullis-backup-");
    let signs: [&dyn Fn() -> bool; 2] =
        [&|| !drafts().is_empty(), &|| drafts().iter().any(|draft| longer_than(draft, 1 << 20))];
    for sign in signs {
        let in_time = (0..TRIES).any(|_| {
            let killed = home.killed_at(&["backup", COPY], sign);
            assert_eq!(home.path(COPY).exists(), !killed);
            if !killed {
                fs::remove_file(home.path(COPY)).unwrap();
            }
            for draft in drafts() {
                fs::remove_file(draft).unwrap();
            }
            killed
        });
        assert!(in_time, "it was never killed in time");
    }
    home.done(&["audit", "verify"]);
    home.done(&["backup", COPY]);
    home.done(&["restore", COPY, "--replace"]);
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_database_or_the_restored_one() {
    let (home, key) = Home::bulky().await;
    home.done(&["backup", COPY]);
    let copy = fs::read(home.path(COPY)).unwrap();
    let data = "portcullis-data";
    let workshops = || home.beginning(data, "restoring-");
    let within = |name: &str, bytes| workshops().iter().any(|shop| longer_than(&shop.join(name), bytes));
    let signs: [(&str, &dyn Fn() -> bool); 4] = [
        ("its folder is there", &|| !workshops().is_empty()),
        ("the double is being written", &|| within("portcullis.db", 1 << 20)),
        ("the double is being changed", &|| within("portcullis.db-wal", 1 << 12)),
        ("the old database has its other name", &|| {
            !home.beginning(data, "portcullis.db.replaced-").is_empty()
        }),
    ];
    for (at, sign) in &signs {
        let (at, sign) = (*at, *sign);
        let in_time = (0..TRIES).any(|_| {
            // Refused where the last turn has changed nothing.
            home.run(&["key", "unblock", &key]);
            let killed = home.killed_at(&["restore", COPY, "--replace"], sign);
            let state = home.key_state(&key);
            assert!(state == "active" && killed || state == "blocked", "{at}: {state}");
            home.done(&["audit", "verify"]);
            for left in workshops() {
                fs::remove_dir_all(left).unwrap();
            }
            for aside in home.beginning(data, "portcullis.db.replaced-") {
                fs::remove_file(aside).unwrap();
            }
            // Not so late that all was done by then, but for the last of the signs.
            killed && (state == "active" || at == signs[3].0)
        });
        assert!(in_time, "it was never killed when {at}");
        assert_eq!(fs::read(home.path(COPY)).unwrap(), copy);
    }
    // Nothing of it is in the way.
    home.run(&["key", "unblock", &key]);
    home.done(&["restore", COPY, "--replace"]);
    assert_eq!(home.key_state(&key), "blocked");
}
