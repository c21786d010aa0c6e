//! A disk that really fills up: a filesystem in memory that only its holder sees, and who is led there.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const MISSING: &str = "a small filesystem cannot be mounted, and this test is not skipped: run it as root, or let \
                       users have namespaces (sysctl -w user.max_user_namespaces=10000 and, on Ubuntu, \
                       kernel.apparmor_restrict_unprivileged_userns=0)";
/// Mounts it, says so, and holds it for as long as somebody holds the other end of its input.
const HOLD: &str =
    r#"mount -t tmpfs -o "size=$2m,mode=0700,uid=$3,gid=$4" small "$1" && echo held && read -r _"#;
/// What takes all the room.
const BALLAST: &str = "ballast";

/// A filesystem at a place of a folder; gone with its owner.
pub(crate) struct SmallDisk {
    holder: Child,
    place: PathBuf,
    /// Who may write it, if that is somebody else than we.
    user: Option<(u32, u32)>,
}

impl SmallDisk {
    /// One of so many mebibytes at this empty folder, whose parent its users work in.
    ///
    /// Whoever is not root is root in a namespace of users of their own, for as long as mounting takes.
    pub(crate) fn at(place: &Path, mebibytes: u32, user: Option<(u32, u32)>) -> Self {
        let mut hold = Command::new("unshare");
        hold.arg("--mount");
        if user.is_none() {
            hold.args(["--user", "--map-root-user"]);
        }
        let (uid, gid) = user.unwrap_or_default();
        hold.args(["sh", "-c", HOLD, "sh"]).arg(place).args([mebibytes, uid, gid].map(|n| n.to_string()));
        hold.current_dir(place.parent().unwrap()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = hold.spawn().expect("unshare is missing: apt-get install util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n", "{MISSING}");
        Self { holder, place: place.to_owned(), user }
    }

    /// A program that sees it, run by who may write it, in the folder around it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--wd", "--target", &self.holder.id().to_string()]);
        if let Some((uid, gid)) = self.user {
            command.arg("setpriv").arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
            command.arg("--clear-groups");
        } else {
            // In a namespace below the holder's we are ourselves again, and nobody's root.
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            command.args(["--user", "--preserve-credentials", "unshare", "--user"]);
            command.arg(format!("--map-user={uid}")).arg(format!("--map-group={gid}"));
        }
        command.args(["setpriv", "--pdeathsig", "QUIT"]).arg(program);
        command
    }

    /// Takes all the room that there is.
    pub(crate) fn fill(&self) {
        let mut fill = self.command(Path::new("dd"));
        fill.args(["if=/dev/zero", "bs=4k", "status=none"]).arg(format!("of={}", self.ballast().display()));
        let filled = fill.output().unwrap();
        let said = String::from_utf8_lossy(&filled.stderr);
        assert!(!filled.status.success() && said.contains("No space left on device"), "{said}");
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        let freed = self.command(Path::new("rm")).arg(self.ballast()).status().unwrap();
        assert!(freed.success());
    }

    fn ballast(&self) -> PathBuf {
        self.place.join(BALLAST)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().unwrap();
    }
}
