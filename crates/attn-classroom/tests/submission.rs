//! Submissions as students, their systems and their ill will make them.

use attn_classroom::{
    assignment::Times,
    submission::{
        Bomb, CollectError, Files, MOST_ENTRIES, Refusal, Source, Submission, Wanted, collect,
    },
};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};
use tar::{EntryType, Header};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

const RIGHT: &str = "//! Chapter 3 · Scaled dot-product attention: your answers.\n\nfn f() {}\n";
const OTHER: &str = "//! Chapter 4 · Multi-head, self, cross, and positions: your answers.\n";

fn wanted() -> Wanted {
    Wanted::of(vec![3])
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn read(path: &Path) -> Submission {
    let mut all = collect(&[Source::Student(path.into())], &wanted(), &Times::default()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What comes of a file of this name and content.
fn file(name: &str, bytes: &[u8]) -> Submission {
    let folder = folder();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn answers(submission: &Submission) -> &str {
    let files = submission.read.as_ref();
    files.unwrap_or_else(|refusal| panic!("{refusal}")).answers.values().next().unwrap()
}

fn refusal(submission: Submission) -> Refusal {
    submission.read.expect_err("nothing to grade")
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An archive with one entry of a name that no writer would write: it takes the place of one as long.
fn zip_named(name: &str) -> Vec<u8> {
    let stand_in = "x".repeat(name.len());
    let mut bytes = zip(&[(&stand_in, b"x"), ("exercise.rs", RIGHT.as_bytes())]);
    replace(&mut bytes, stand_in.as_bytes(), name.as_bytes());
    bytes
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0);
}

/// Overwrites a field of every entry in the table of contents of a zip archive.
fn patch_directory(bytes: &mut [u8], field: usize, value: &[u8]) {
    let mut found = 0;
    for at in 0..bytes.len() - 46 {
        if bytes[at..].starts_with(b"PK\x01\x02") {
            bytes[at + field..at + field + value.len()].copy_from_slice(value);
            found += 1;
        }
    }
    assert!(found > 0);
}

fn tar_header(name: &str, size: u64, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    // Not `set_path`, which refuses what an enemy writes.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

fn tar_of(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for &(name, kind, bytes) in entries {
        tar.append(&tar_header(name, bytes.len() as u64, kind), bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> =
        entries.iter().map(|&(name, bytes)| (name, EntryType::Regular, bytes)).collect();
    tar_of(&entries)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

// ── What is right, in every form ──

#[test]
fn every_form_is_read() {
    let entries: &[(&str, &[u8])] = &[("Ada's work/é 陳/exercise.rs", RIGHT.as_bytes())];
    let tarred = tar(entries);
    let forms = [
        ("a.zip", zip(entries)),
        ("a.tar", tarred.clone()),
        ("a.tar.gz", gz(&tarred)),
        ("A B.TGZ", gz(&tarred)),
    ];
    for (name, bytes) in forms {
        let submission = file(name, &bytes);
        assert_eq!(answers(&submission), RIGHT, "{name}");
        assert_eq!(submission.notes, Vec::<String>::new());
        assert_eq!(submission.name, if name.starts_with('a') { "a" } else { "A B" });
    }
    let ada = folder();
    fs::create_dir_all(ada.path().join("René 陳/deep er")).unwrap();
    fs::write(ada.path().join("René 陳/deep er/exercise.rs"), RIGHT).unwrap();
    let submission = read(&ada.path().join("René 陳"));
    assert_eq!((answers(&submission), submission.name.as_str()), (RIGHT, "René 陳"));
    let submission = read(&ada.path().join("René 陳/deep er/exercise.rs"));
    assert_eq!((answers(&submission), submission.name.as_str()), (RIGHT, "deep er"));
}

/// As servers write them, that do not know the size before the content is sent.
#[test]
fn a_zip_written_as_a_stream_is_read() {
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, large) in [("a", true), ("exercise.rs", true), ("b", false)] {
        zip.start_file(name, SimpleFileOptions::default().large_file(large)).unwrap();
        zip.write_all(RIGHT.as_bytes()).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(answers(&file("a.zip", &bytes)), RIGHT);
}

#[test]
fn the_courses_own_starters_are_known() {
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters");
    let mut seen = 0;
    for chapter in fs::read_dir(chapters).unwrap() {
        let chapter = chapter.unwrap().path();
        let number = chapter.file_name().unwrap().to_str().unwrap()[..2].parse().unwrap();
        for end in ["rs", "cu"] {
            let Ok(starter) = fs::read_to_string(chapter.join(format!("starter.{end}"))) else {
                continue;
            };
            let wanted = Wanted { chapters: vec![number], file: format!("exercise.{end}") };
            let folder = folder();
            fs::write(folder.path().join(&wanted.file), &starter).unwrap();
            let source = [Source::Student(folder.path().into())];
            let all = collect(&source, &wanted, &Times::default()).unwrap();
            assert_eq!((answers(&all[0]), all[0].notes.len()), (starter.as_str(), 0));
            let another = Wanted { chapters: vec![number + 1], ..wanted };
            let all = collect(&source, &another, &Times::default()).unwrap();
            assert!(matches!(all[0].read, Err(Refusal::OtherChapter { .. })));
            seen += 1;
        }
    }
    assert!(seen >= 13, "{seen} starters");
}

#[test]
fn of_a_whole_workspace_the_chapters_file_is_taken() {
    let chapters: Vec<(String, String)> = (0..13)
        .map(|n| {
            (
                format!("course/chapters/{n:02}/exercise.rs"),
                format!("//! Chapter {n} · X\nfn f{n}() {{}}\n"),
            )
        })
        .collect();
    let mut entries: Vec<(&str, &[u8])> =
        chapters.iter().map(|(p, t)| (p.as_str(), t.as_bytes())).collect();
    entries.push(("course/Cargo.toml", b"[workspace]"));
    entries.push(("course/.attn/backups/03/exercise.rs", RIGHT.as_bytes()));
    entries.push(("course/target/exercise.rs", RIGHT.as_bytes()));
    entries.push(("__MACOSX/course/exercise.rs", RIGHT.as_bytes()));
    let submission = file("a.zip", &zip(&entries));
    assert_eq!(answers(&submission), chapters[3].1);
    let note = "ignored 13 other files: course/Cargo.toml, course/chapters/00/exercise.rs, \
                course/chapters/01/exercise.rs, …";
    assert_eq!(submission.notes, [note]);
}

#[test]
fn of_several_chapters_each_is_found_by_its_first_line() {
    let text = |n: u32| format!("//! Chapter {n} · X\nfn f{n}() {{}}\n");
    let hand_in = |entries: &[(&str, &str)]| {
        let folder = folder();
        let path = folder.path().join("a.zip");
        let entries: Vec<_> = entries.iter().map(|(at, text)| (*at, text.as_bytes())).collect();
        fs::write(&path, zip(&entries)).unwrap();
        let wanted = Wanted::of(vec![5, 10]);
        collect(&[Source::Student(path)], &wanted, &Times::default()).unwrap().remove(0)
    };
    let (five, ten) = (text(5), text(10));
    let both = hand_in(&[("chapters/05/exercise.rs", &five), ("chapters/10/exercise.rs", &ten)]);
    assert_eq!(both.read.unwrap().answers, [(5, five.clone()), (10, ten.clone())].into());
    assert!(both.notes.is_empty(), "{:?}", both.notes);

    let one = hand_in(&[("exercise.rs", &ten), ("x/exercise.rs", "fn f() {}")]);
    assert_eq!(one.read.unwrap().answers, [(10, ten.clone())].into());
    assert_eq!(
        one.notes,
        ["nothing of chapter 5 was handed in", "ignored 1 other file: x/exercise.rs"]
    );

    let twice =
        hand_in(&[("a/exercise.rs", &five), ("b/exercise.rs", &ten), ("c/exercise.rs", &ten)]);
    let said = twice.read.unwrap_err().to_string();
    assert!(said.contains("b/exercise.rs and c/exercise.rs"), "{said}");
    let said = hand_in(&[("exercise.rs", &text(4))]).read.unwrap_err().to_string();
    assert_eq!(said, "exercise.rs is for chapter 4, not for chapter 5, 10");
}

#[test]
fn chapter_9_has_another_file() {
    let wanted = Wanted { chapters: vec![9], file: "exercise.cu".into() };
    let folder = folder();
    let text = "// Chapter 9 · FlashAttention in CUDA: your answers.\n";
    fs::write(folder.path().join("ada_exercise.cu"), text).unwrap();
    let all = collect(&[Source::Class(folder.path().into())], &wanted, &Times::default()).unwrap();
    assert_eq!((all[0].name.as_str(), answers(&all[0])), ("ada", text));
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_no_obstacle() {
    let text = format!("\u{feff}{}", RIGHT.replace('\n', "\r\n"));
    let submission = file("exercise.rs", text.as_bytes());
    assert_eq!(answers(&submission), text);
    assert_eq!(submission.notes, Vec::<String>::new());
}

#[test]
fn a_file_that_does_not_name_its_chapter_is_taken_with_a_note() {
    let submission = file("a.zip", &zip(&[("exercise.rs", b"fn f() {}")]));
    assert_eq!(answers(&submission), "fn f() {}");
    assert_eq!(
        submission.notes,
        ["the first line of exercise.rs does not say of which chapter it is"]
    );
    // One that does goes before.
    let both = file(
        "a.zip",
        &zip(&[("a/exercise.rs", b"fn f() {}"), ("b/exercise.rs", RIGHT.as_bytes())]),
    );
    assert_eq!(answers(&both), RIGHT);
    assert_eq!(both.notes, ["ignored 1 other file: a/exercise.rs"]);
}

#[test]
fn the_predictions_beside_the_answers_count() {
    let entries: &[(&str, &[u8])] = &[
        ("a/predictions.toml", b"q = 1"),
        ("b/predictions.toml", b"q = 2"),
        ("b/exercise.rs", RIGHT.as_bytes()),
    ];
    let submission = file("a.zip", &zip(entries));
    assert_eq!(
        submission.read,
        Ok(Files { answers: [(3, RIGHT.into())].into(), predictions: Some("q = 2".into()) })
    );
    let elsewhere = file("a.zip", &zip(&[entries[0], entries[2]]));
    assert_eq!(elsewhere.read.unwrap().predictions.as_deref(), Some("q = 1"));
    let entries = [entries[0], entries[1], ("exercise.rs", RIGHT.as_bytes())];
    let unclear = file("a.zip", &zip(&entries));
    assert_eq!(unclear.read.unwrap().predictions, None);
    assert_eq!(unclear.notes, ["ignored 2 files of predictions, none of them beside the answers"]);
    let broken =
        file("a.zip", &zip(&[("predictions.toml", b"\xff"), ("exercise.rs", RIGHT.as_bytes())]));
    assert_eq!(
        broken.notes,
        ["predictions: predictions.toml is not UTF-8 from byte 0 on; save it as UTF-8"]
    );
    assert_eq!(answers(&broken), RIGHT);
}

// ── What cannot be graded ──

#[test]
fn the_file_is_not_there() {
    let said = |bytes: &[u8]| refusal(file("a.zip", bytes)).to_string();
    let nothing = said(&zip(&[]));
    assert!(nothing.starts_with("there is no exercise.rs in it; it holds nothing."), "{nothing}");
    let others =
        said(&zip(&[("exercise (1).rs", b""), ("Exercise.rs", b""), ("z", b""), ("y", b"")]));
    assert!(others.contains("it holds Exercise.rs, exercise (1).rs, y, …"), "{others}");
    // A folder of that name is no file.
    assert!(matches!(
        refusal(file("a.tar", &tar(&[("exercise.rs/a", b"")]))),
        Refusal::NotFound { .. }
    ));
    assert!(matches!(refusal(file("a.tar", &[])), Refusal::NotFound { .. }));
}

#[test]
fn two_files_in_different_places_are_both_named() {
    let two: &[(&str, &[u8])] =
        &[("old/exercise.rs", RIGHT.as_bytes()), ("new/exercise.rs", RIGHT.as_bytes())];
    for (name, bytes) in [("a.zip", zip(two)), ("a.tar", tar(two))] {
        let said = refusal(file(name, &bytes)).to_string();
        let wanted = "there are several files that may be meant: old/exercise.rs and new/exercise.rs. Hand in one.";
        assert_eq!(said, wanted);
    }
    // In a tar archive they may even have one place; the last would win on unpacking.
    let one = tar(&[("exercise.rs", RIGHT.as_bytes()), ("exercise.rs", RIGHT.as_bytes())]);
    assert!(matches!(refusal(file("a.tar", &one)), Refusal::Twice { places } if places.len() == 2));
}

#[test]
fn two_entries_of_one_name_in_a_zip_are_refused() {
    let mut bytes = zip(&[("exercise.rs", RIGHT.as_bytes()), ("exercise.rx", RIGHT.as_bytes())]);
    replace(&mut bytes, b"exercise.rx", b"exercise.rs");
    let said = refusal(file("a.zip", &bytes)).to_string();
    assert!(said.contains("two entries have one name"), "{said}");
}

#[test]
fn another_chapters_file_is_named_as_such() {
    let one = refusal(file("exercise.rs", OTHER.as_bytes())).to_string();
    assert_eq!(one, "exercise.rs is for chapter 4, not for chapter 3");
    let fourteen = OTHER.replace("Chapter 4", "Chapter 34");
    let said = refusal(file("exercise.rs", fourteen.as_bytes())).to_string();
    assert!(said.contains("for chapter 34"), "{said}");
}

#[test]
fn too_large_is_told_from_just_large_enough() {
    let mut text = RIGHT.to_string();
    text += &" ".repeat((1 << 20) - text.len());
    let packed = |text: &str| {
        let entries: &[(&str, &[u8])] = &[("exercise.rs", text.as_bytes())];
        [
            file("a.zip", &zip(entries)),
            file("a.tgz", &gz(&tar(entries))),
            file("exercise.rs", text.as_bytes()),
        ]
    };
    packed(&text).iter().for_each(|submission| assert_eq!(answers(submission), text));
    text += " ";
    for submission in packed(&text) {
        assert_eq!(refusal(submission), Refusal::TooLarge { place: "exercise.rs".into() });
    }
}

#[test]
fn other_encodings_are_refused() {
    let latin = [RIGHT.as_bytes(), b"// caf\xe9"].concat();
    let place = "exercise.rs".to_string();
    assert_eq!(
        refusal(file("exercise.rs", &latin)),
        Refusal::NotUtf8 { place, byte: RIGHT.len() + 6 }
    );
    let wide: Vec<u8> = RIGHT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe".as_slice(), &wide].concat();
    assert!(matches!(refusal(file("exercise.rs", &marked)), Refusal::NotUtf8 { byte: 0, .. }));
}

// ── Archives that lie ──

#[test]
fn paths_that_leave_the_archive_are_refused() {
    let names = [
        "../exercise.rs",
        "a/../../exercise.rs",
        "/etc/exercise.rs",
        "C:/exercise.rs",
        "c:exercise.rs",
        "a/D:/exercise.rs",
        "..\\exercise.rs",
        "a\\exercise.rs",
        "\\\\server\\exercise.rs",
    ];
    for name in names {
        let named = Refusal::Escapes { place: name.into() };
        assert_eq!(refusal(file("a.zip", &zip_named(name))), named, "zip");
        let entries: &[(&str, &[u8])] = &[(name, b"x"), ("exercise.rs", RIGHT.as_bytes())];
        assert_eq!(refusal(file("a.tar", &tar(entries))), named, "tar");
    }
    // Two dots within a name lead nowhere.
    assert_eq!(answers(&file("a.zip", &zip_named("a..b/..c"))), RIGHT);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let submission = file("a.zip", &zip_named("a\x1b[31m\nb"));
    assert_eq!(submission.notes, ["ignored 1 other file: a\u{fffd}[31m\u{fffd}b"]);
}

#[test]
fn links_in_archives_are_not_followed() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("exercise.rs", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let link = || Refusal::Link { place: "exercise.rs".into() };
    assert_eq!(refusal(file("a.zip", &zip)), link());
    for kind in [EntryType::Symlink, EntryType::Link] {
        let mut header = tar_header("exercise.rs", 0, kind);
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&header, &[][..]).unwrap();
        assert_eq!(refusal(file("a.tar", &tar.into_inner().unwrap())), link());
    }
}

#[test]
fn a_device_in_an_archive_is_refused() {
    let bytes = tar_of(&[("exercise.rs", EntryType::Fifo, b"")]);
    assert_eq!(refusal(file("a.tar", &bytes)), Refusal::Special { place: "exercise.rs".into() });
}

#[test]
fn broken_archives_are_refused_whatever_is_broken() {
    let text = RIGHT.repeat(400);
    let entries: &[(&str, &[u8])] = &[("exercise.rs", text.as_bytes())];
    let (zipped, tarred) = (zip(entries), tar(entries));
    let gzipped = gz(&tarred);
    let mut crc = zipped.clone();
    patch_directory(&mut crc, 16, &[1, 2, 3, 4]);
    let mut encrypted = zipped.clone();
    patch_directory(&mut encrypted, 8, &[1, 0]);
    let mut method = zipped.clone();
    patch_directory(&mut method, 10, &[14, 0]);
    let mut garbled = gzipped.clone();
    let middle = garbled.len() / 2;
    garbled[middle] ^= 0xff;
    let cases = [
        ("text.zip", b"not a zip archive at all".to_vec()),
        ("empty.zip", vec![]),
        ("cut.zip", zipped[..zipped.len() - 30].to_vec()),
        ("front.zip", zipped[100..].to_vec()),
        ("crc.zip", crc),
        ("encrypted.zip", encrypted),
        ("lzma.zip", method),
        ("text.tar", "not a tar archive".repeat(100).into_bytes()),
        ("cut.tar", tarred[..2000].to_vec()),
        ("head.tar", tarred[..300].to_vec()),
        ("plain.tar.gz", tarred.clone()),
        ("cut.tar.gz", gzipped[..gzipped.len() / 2].to_vec()),
        ("garbled.tar.gz", garbled),
        ("zip.tgz", zipped.clone()),
    ];
    for (name, bytes) in cases {
        let submission = file(name, &bytes);
        assert!(
            matches!(submission.read, Err(Refusal::Broken { .. })),
            "{name}: {:?}",
            submission.read
        );
    }
}

#[test]
fn a_zip_that_declares_too_much_is_refused_without_unpacking() {
    let mut bytes = zip(&[("a", b"x"), ("exercise.rs", RIGHT.as_bytes())]);
    patch_directory(&mut bytes, 24, &(33u32 << 20).to_le_bytes());
    assert_eq!(refusal(file("a.zip", &bytes)), Refusal::Bomb(Bomb::Bytes));
}

#[test]
fn a_zip_that_declares_too_little_is_not_believed() {
    let large = [RIGHT.as_bytes(), &vec![b' '; 16 << 20]].concat();
    let mut bytes = zip(&[("exercise.rs", &large)]);
    assert!(bytes.len() < 1 << 20);
    patch_directory(&mut bytes, 24, &10u32.to_le_bytes());
    let refusal = refusal(file("a.zip", &bytes));
    assert!(matches!(refusal, Refusal::TooLarge { .. } | Refusal::Broken { .. }), "{refusal}");
}

#[test]
fn a_tar_that_unpacks_to_too_much_is_refused() {
    let zeros = vec![0; 65 << 20];
    let bytes = gz(&tar(&[("zeros", &zeros), ("exercise.rs", RIGHT.as_bytes())]));
    assert!(bytes.len() < 1 << 20);
    assert_eq!(refusal(file("a.tgz", &bytes)), Refusal::Bomb(Bomb::Bytes));
    // Without a word about it: what is unpacked is counted, too.
    let name = vec![b'a'; 65 << 20];
    let bytes = gz(&tar_of(&[
        ("x", EntryType::GNULongName, &name),
        ("exercise.rs", EntryType::Regular, b""),
    ]));
    assert_eq!(refusal(file("a.tgz", &bytes)), Refusal::Bomb(Bomb::Bytes));
}

#[test]
fn a_tar_that_declares_too_much_is_refused() {
    let mut bytes = tar_header("exercise.rs", 1 << 40, EntryType::Regular).as_bytes().to_vec();
    bytes.extend(RIGHT.as_bytes());
    assert_eq!(refusal(file("a.tar", &bytes)), Refusal::Bomb(Bomb::Bytes));
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..MOST_ENTRIES).map(|i| i.to_string()).collect();
    let mut entries: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    entries[MOST_ENTRIES - 1] = ("exercise.rs", RIGHT.as_bytes());
    assert_eq!(answers(&file("a.zip", &zip(&entries))), RIGHT, "as many as are allowed");
    entries.push(("one more", b""));
    assert_eq!(refusal(file("a.zip", &zip(&entries))), Refusal::Bomb(Bomb::Entries));
    assert_eq!(refusal(file("a.tgz", &gz(&tar(&entries)))), Refusal::Bomb(Bomb::Entries));
    let folder = folder();
    entries.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    assert_eq!(refusal(read(folder.path())), Refusal::Bomb(Bomb::Entries));
}

#[test]
fn an_archive_in_the_archive_is_not_opened() {
    let inner = zip(&[("exercise.rs", RIGHT.as_bytes())]);
    let said = refusal(file("a.zip", &zip(&[("inner.zip", &inner)]))).to_string();
    let wanted =
        "there is no exercise.rs in it, but another archive: inner.zip. Unpack that one first.";
    assert_eq!(said, wanted);
    let beside = file("a.tar", &tar(&[("data/x.csv.gz", b"?"), ("exercise.rs", OTHER.as_bytes())]));
    assert!(matches!(refusal(beside), Refusal::OtherChapter { .. }));
    let beside = file("a.tar", &tar(&[("data/x.csv.gz", b"?"), ("exercise.rs", RIGHT.as_bytes())]));
    assert_eq!(beside.notes, ["ignored 1 other file: data/x.csv.gz"]);
}

#[test]
fn a_gzip_stream_in_pieces_is_read_whole() {
    let tarred = tar(&[("exercise.rs", RIGHT.as_bytes())]);
    let bytes = [gz(&tarred[..700]), gz(&tarred[700..])].concat();
    assert_eq!(answers(&file("a.tar.gz", &bytes)), RIGHT);
}

#[test]
fn long_names_are_read() {
    let long = format!("{}/exercise.rs", "é long folder ".repeat(20));
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(RIGHT.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, &long, RIGHT.as_bytes()).unwrap();
    assert_eq!(answers(&file("a.tar", &tar.into_inner().unwrap())), RIGHT);
}

// ── Folders ──

#[cfg(unix)]
#[test]
fn links_in_folders_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let (secret, ada) = (folder.path().join("secret"), folder.path().join("ada"));
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("exercise.rs"), RIGHT).unwrap();
    fs::create_dir(&ada).unwrap();
    symlink(&secret, ada.join("linked")).unwrap();
    symlink(&ada, ada.join("loop")).unwrap();
    assert!(matches!(refusal(read(&ada)), Refusal::NotFound { .. }), "through a folder");
    symlink(secret.join("exercise.rs"), ada.join("exercise.rs")).unwrap();
    assert_eq!(refusal(read(&ada)), Refusal::Link { place: "exercise.rs".into() });
    symlink(&secret, folder.path().join("bob")).unwrap();
    assert_eq!(refusal(read(&folder.path().join("bob"))), Refusal::Link { place: "bob".into() });
    symlink(secret.join("exercise.rs"), folder.path().join("bob.rs")).unwrap();
    assert_eq!(
        refusal(read(&folder.path().join("bob.rs"))),
        Refusal::Link { place: "bob.rs".into() }
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_make_the_reader_wait() {
    let folder = folder();
    let pipe = folder.path().join("exercise.rs");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_eq!(refusal(read(folder.path())), Refusal::Special { place: "exercise.rs".into() });
    assert_eq!(refusal(read(&pipe)), Refusal::Special { place: "exercise.rs".into() });
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_a_name_all_the_same() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = folder();
    let ada = folder.path().join(OsStr::from_bytes(b"Ren\xe9"));
    fs::create_dir(&ada).unwrap();
    fs::write(ada.join("exercise.rs"), RIGHT).unwrap();
    fs::write(ada.join(OsStr::from_bytes(b"\xff")), "").unwrap();
    let submission = read(&ada);
    assert_eq!((answers(&submission), submission.name.as_str()), (RIGHT, "Ren\u{fffd}"));
    assert_eq!(submission.notes, ["ignored 1 other file: \u{fffd}"]);
}

#[test]
fn a_class_is_read_with_everybody_in_it() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("Ada Lovelace/src")).unwrap();
    fs::write(at("Ada Lovelace/src/exercise.rs"), RIGHT).unwrap();
    fs::write(at("Bob.tar.gz"), gz(&tar(&[("exercise.rs", RIGHT.as_bytes())]))).unwrap();
    fs::write(at("chenxm_1234_5678_exercise.rs"), RIGHT).unwrap();
    fs::write(at("Dora.rar"), "Rar!").unwrap();
    fs::write(at("Eve.zip"), "").unwrap();
    fs::write(at(".DS_Store"), "").unwrap();
    fs::create_dir(at("__MACOSX")).unwrap();
    let csv = "student,submitted\nAda Lovelace,2027-03-01T20:00:00Z\n";
    let submitted = Times::parse("s.csv", "submitted", csv.as_bytes()).unwrap();
    let all = collect(&[Source::Class(folder.path().into())], &wanted(), &submitted).unwrap();
    let found: Vec<_> =
        all.iter().map(|s| (s.name.as_str(), s.read.is_ok(), s.submitted.is_some())).collect();
    let wanted = [
        ("Ada Lovelace", true, true),
        ("Bob", true, false),
        ("Dora.rar", false, false),
        ("Eve", false, false),
        ("chenxm_1234_5678", true, false),
    ];
    assert_eq!(found, wanted);
    let dora = all[2].read.as_ref().unwrap_err().to_string();
    assert_eq!(dora, "Dora.rar is neither a folder, a .zip, .tar, .tar.gz or .tgz, nor a .rs file");
}

#[test]
fn two_submissions_of_one_name_are_both_named() {
    let folder = folder();
    let said = |names: [&str; 2]| {
        for name in names {
            fs::write(folder.path().join(name), zip(&[("exercise.rs", RIGHT.as_bytes())])).unwrap();
        }
        let sources = names.map(|name| Source::Student(folder.path().join(name)));
        match collect(&sources, &wanted(), &Times::default()) {
            Err(error @ CollectError::Twice { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let twice = said(["Ada.zip", "Ada.tar"]);
    assert!(twice.starts_with("two submissions are called Ada: "), "{twice}");
    assert!(twice.contains("Ada.zip") && twice.contains("Ada.tar"), "{twice}");
    // One character, or two that look the same.
    said(["Ren\u{e9}.zip", "Rene\u{301}.zip"]);
}

#[test]
fn the_teachers_own_mistakes_are_errors() {
    let folder = folder();
    let said = |source| collect(&[source], &wanted(), &Times::default()).unwrap_err().to_string();
    assert!(said(Source::Class(folder.path().into())).starts_with("there are no submissions in "));
    assert!(said(Source::Class(folder.path().join("no"))).contains("no cannot be read: "));
    assert!(said(Source::Student(folder.path().join("no"))).contains("no cannot be read: "));
}

#[test]
fn a_class_is_told_from_a_student() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let put = |name: &str| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), RIGHT).unwrap();
    };
    put("one/exercise.rs");
    put("two/Cargo.toml");
    put("three/course/chapters/03/exercise.rs");
    put("four/predictions.toml");
    put("class/ada/exercise.rs");
    put("class/bob/exercise.rs");
    put("class of one/ada/exercise.rs");
    put("zips/a.zip");
    for student in ["one", "two", "three", "four", "zips/a.zip"] {
        assert_eq!(Source::guess(&at(student), &wanted()).unwrap(), Source::Student(at(student)));
    }
    for class in ["class", "class of one", "zips"] {
        assert_eq!(Source::guess(&at(class), &wanted()).unwrap(), Source::Class(at(class)));
    }
    assert!(Source::guess(&at("nowhere"), &wanted()).is_err());
}
