//! Two administrators at two machines edit the same key at once.

use serde_json::Value;

use super::house::{House, is_real, report};

/// Edits one after the other; a conflict is refused in words and tried again. How many conflicts.
fn edit(house: &House, edits: &[Vec<String>]) -> usize {
    let mut conflicts = 0;
    for arguments in edits {
        loop {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = house.shell.run(&arguments);
            if output.status.success() {
                break;
            }
            let refusal: Value = serde_json::from_slice(&output.stderr).unwrap();
            assert_eq!((output.status.code(), &refusal["error"]), (Some(1), &"conflict".into()), "{refusal}");
            conflicts += 1;
        }
    }
    conflicts
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_editors_of_one_key_neither_undoes_what_the_other_did() {
    let house = House::of(2).await;
    let (key, witness) = (house.key(), house.key());
    let first = house.token(0, &key).await;
    let times = if is_real() { 50 } else { 12 };
    let blocks: Vec<_> = (0..times)
        .flat_map(|_| [words(&["key", "block", &key.id]), words(&["key", "unblock", &key.id])])
        .chain([words(&["key", "block", &key.id])])
        .collect();
    let names: Vec<_> =
        (0..times * 2).map(|turn| words(&["key", "edit", &key.id, "--name", &format!("n{turn}")])).collect();

    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| edit(&house, &blocks));
        let theirs = scope.spawn(|| edit(&house, &names));
        (ours.join().unwrap(), theirs.join().unwrap())
    });
    report(&format!(
        "{} edits of one key by two shells: {} conflicts",
        blocks.len() + names.len(),
        ours + theirs
    ));

    let found = house.shell.done(&["key", "show", &key.id]);
    assert_eq!(
        (&found["state"], &found["name"]),
        (&"blocked".into(), &(&*format!("n{}", times * 2 - 1)).into())
    );
    house.dead_everywhere(&first).await;
    for node in [0, 1] {
        assert_eq!(house.ask(node, &key).await.0, 401);
    }
    // Each of them is in the log once, and nothing else is.
    let log = house.shell.done(&["audit", "list", "--limit", "1000"]);
    let of_the_key: Vec<&Value> =
        log["items"].as_array().unwrap().iter().filter(|row| row["target"] == *key.id).collect();
    assert_eq!(of_the_key.len(), 1 + blocks.len() + names.len());
    house.shell.done(&["audit", "verify"]);
    let valid = house.token(0, &witness).await;
    house.all_is_well(&valid, &witness).await;
}
