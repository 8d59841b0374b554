use std::fs;

use proptest::prelude::*;

use super::*;

const LIMIT: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp(1_700_000_000_123);

fn open(folder: &Path) -> Opened {
    Store::open(folder, NOW, LIMIT).unwrap()
}

/// 300 rows of about a kilobyte, applied up to 300, flushed and closed.
fn filled(folder: &Path) {
    let mut store = open(folder).store;
    for seq in 1..=30u64 {
        let mut batch = Batch::default();
        for row in 0..10u64 {
            let value = vec![u8::try_from(seq).unwrap(); 1000];
            batch.put(format!("workflow/{:04}", seq * 10 + row), value);
        }
        store.apply(batch, Seq(seq * 10)).unwrap();
    }
    store.flush().unwrap();
}

#[test]
fn rows_and_the_applied_sequence_survive_closing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    {
        let mut opened = open(&path);
        assert!(opened.set_aside.is_none());
        assert_eq!(opened.store.applied(), Seq(0));
        let mut batch = Batch::default();
        batch.put("a/1", "one");
        batch.put("a/2", "two");
        batch.put("b/1", "three");
        opened.store.apply(batch, Seq(3)).unwrap();
        let mut batch = Batch::default();
        batch.put("a/1", "uno");
        batch.remove("b/1");
        batch.remove("never there");
        opened.store.apply(batch, Seq(5)).unwrap();
        opened.store.flush().unwrap();
    }
    let opened = open(&path);
    assert!(opened.set_aside.is_none());
    assert_eq!(opened.store.applied(), Seq(5));
    assert_eq!(opened.store.len(), 2);
    assert_eq!(opened.store.get(b"a/1").unwrap(), Some(b"uno".to_vec()));
    assert_eq!(opened.store.get(b"b/1").unwrap(), None);
    let rows = [(b"a/1".to_vec(), b"uno".to_vec()), (b"a/2".to_vec(), b"two".to_vec())];
    assert_eq!(opened.store.export().unwrap(), rows);
    assert_eq!(opened.store.scan(b"a/", 1).unwrap(), rows[..1]);
}

#[test]
fn a_row_beyond_the_limits_is_refused_with_its_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store")).store;
    for (key, length) in [(b"k".to_vec(), MAX_VALUE + 1), (b"\0k".to_vec(), 1), (Vec::new(), 1)] {
        let mut batch = Batch::default();
        batch.put("good", "row");
        batch.put(key, vec![0; length]);
        assert_eq!(store.apply(batch, Seq(1)).unwrap_err().code(), "store_bad_row");
    }
    assert!(store.is_empty());
    assert_eq!(store.applied(), Seq(0));
}

#[test]
fn a_lost_or_changed_row_is_noticed_at_opening() {
    type Damage = fn(&sled::Tree);
    let damages: [Damage; 4] = [
        |rows| drop(rows.remove("workflow/0015").unwrap()),
        |rows| drop(rows.insert("workflow/0015", b"something else").unwrap()),
        |rows| {
            // A whole row, envelope and all, under another key.
            let other = rows.get("workflow/0016").unwrap().unwrap();
            drop(rows.insert("workflow/0015", other).unwrap());
        },
        |rows| drop(rows.remove(SUMMARY_KEY).unwrap()),
    ];
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        filled(&path);
        {
            let db = sled::open(&path).unwrap();
            damage(&db.open_tree(TREE).unwrap());
            db.flush().unwrap();
        }
        let opened = open(&path);
        let set_aside = opened.set_aside.unwrap();
        assert_eq!(set_aside.cause.code(), "store_damaged");
        assert_eq!(set_aside.path, folder.path().join("store.bad-20231114T221320.123Z"));
        assert!(set_aside.path.join("db").exists(), "nothing is deleted");
        assert_eq!(opened.store.applied(), Seq(0));
        assert!(opened.store.is_empty());
    }
}

#[test]
fn a_second_damaged_store_gets_a_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for name in ["store.bad-20231114T221320.123Z", "store.bad-20231114T221320.123Z-2"] {
        filled(&path);
        // sled takes this for a new store and says nothing.
        let length = fs::metadata(path.join("db")).unwrap().len();
        fs::write(path.join("db"), vec![0; usize::try_from(length).unwrap()]).unwrap();
        assert_eq!(open(&path).set_aside.unwrap().path, folder.path().join(name));
    }
}

#[test]
fn a_deleted_store_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path);
    fs::remove_dir_all(&path).unwrap();
    let opened = open(&path);
    assert!(opened.set_aside.is_none());
    assert_eq!(opened.store.applied(), Seq(0));
}

#[test]
fn a_kill_while_the_engine_opened_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path);
    drop(open(&path)); // sled writes a snapshot when it opens what has changed.
    let mut names = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
    let whole = names.find(|name| name.to_string_lossy().starts_with("snap.")).unwrap();
    let snapshot = fs::read(path.join(whole)).unwrap();
    for written in [0, 12, snapshot.len() / 2, snapshot.len()] {
        let unfinished = path.join("snap.00000000FFFFFFFF.generating");
        fs::write(&unfinished, &snapshot[..written]).unwrap();
        let opened = open(&path);
        assert!(opened.set_aside.is_none(), "{written} bytes: {:?}", opened.set_aside);
        assert_eq!((opened.store.applied(), opened.store.len()), (Seq(300), 300));
        assert!(!unfinished.exists());
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path);
    let holder = sled::open(&path).unwrap();
    assert!(Store::open(&path, NOW, LIMIT).is_err(), "a store in use is not damage");
    drop(holder);
    assert_eq!(open(&path).store.applied(), Seq(300));
}

#[test]
fn a_store_that_is_let_go_in_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path);
    let holder = sled::open(&path).unwrap();
    let opening = {
        let path = path.clone();
        std::thread::spawn(move || open(&path).store.applied())
    };
    drop(holder);
    assert_eq!(opening.join().unwrap(), Seq(300));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever happens to the data file: either all rows are there, or an older consistent state
    /// with its own applied sequence, or the store was set aside.
    #[test]
    fn damage_to_the_file_never_shows_as_wrong_rows(
        position: prop::sample::Index,
        way in 0u8..3,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        filled(&path);
        let data = path.join("db");
        let mut bytes = fs::read(&data).unwrap();
        let at = position.index(bytes.len());
        match way {
            0 => bytes[at] ^= 1,
            1 => bytes.iter_mut().skip(at / 4096 * 4096).take(4096).for_each(|byte| *byte = 0),
            _ => bytes.truncate(at),
        }
        fs::write(&data, bytes).unwrap();
        let opened = open(&path);
        let applied = opened.store.applied().0;
        let rows = opened.store.export().unwrap();
        prop_assert_eq!(rows.len() as u64, applied);
        for (key, value) in rows {
            let number: u64 = String::from_utf8(key).unwrap()[9..].parse().unwrap();
            prop_assert_eq!(value, vec![u8::try_from(number / 10).unwrap(); 1000]);
        }
    }
}
