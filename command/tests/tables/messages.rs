//! The message of each error of a table, word for word, by one table that has this fault and no other: manifests, what `validate` wrote,
//! and logs of a page.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{desk, run};
use crate::repository;
use crate::running::{lungglass, stderr};

#[path = "../../../tests/reports/messages/texts.rs"]
mod texts;

/// The command ends with exactly this, and did nothing.
fn says(output: &Output, message: &str) {
    let told = stderr(output);
    let last = told.trim_end().lines().last().unwrap_or_default();
    assert_eq!((last, output.status.code()), (&*format!("lungglass: {message}"), Some(1)), "{told}");
}

#[test]
fn manifests() {
    let folder = desk("messages-of-manifests");
    let long = "a".repeat((1 << 20) + 1);
    let of = |text: &[u8], more: &[&str], message: &str| {
        fs::write(folder.join("m.csv"), text).unwrap();
        says(&lungglass(&folder, &[&["validate", "--manifest", "m.csv", "--out", "out"], more].concat()), message);
    };
    let empty = "m.csv: it is empty, or begins with an empty line; its head must be its first line";
    for text in [&b""[..], b"\n", b"\r\npath,label\r\n", b"sep=;\r\n", b"\xEF\xBB\xBF", b" \npath,label\n"] {
        of(text, &[], empty);
    }
    for (head, missing, separator) in [
        ("file;label", "path", "a semicolon"),
        ("path\tclass", "label", "a tab"),
        ("path|label", "path", "a comma"),
        ("sep=|\npath,label", "path", "the separator of its first line"),
        ("Path,Label", "path", "a comma"),
        ("a.png,1", "path", "a comma"),
    ] {
        let message = format!(
            "m.csv: there is no column \"{missing}\" in its head, whose cells are separated by {separator}; it needs path,label"
        );
        of(format!("{head}\na.png\n").as_bytes(), &[], &message);
    }
    of(b"path,label,path\na.png,1,b.png\n", &[], "m.csv: there are two columns \"path\"");
    of(b"path,label,group,group\na.png,1,x,y\n", &[], "m.csv: there are two columns \"group\"");
    of(b"path,label\na.png\n", &[], "m.csv, line 2: it has 1 cells, the head has 2");
    of(b"path,label\r\n\r\na.png,1,\r\n", &[], "m.csv, line 3: it has 3 cells, the head has 2");
    of(
        b"path,label\na.png,1\nl\xFCng.png,1\n",
        &[],
        "m.csv, line 3: it is not UTF-8; save the table as UTF-8 (CSV UTF-8 in spreadsheets)",
    );
    let utf16 = b"\xFF\xFEp\0a\0t\0h\0,\0l\0a\0b\0e\0l\0\n\0";
    for end in [&b"a\0\x00\xD8"[..], b"a\0\x00\xDCb\0", b"a\0,\x00001"] {
        let text = [&utf16[..], end].concat();
        of(&text, &[], "m.csv: its UTF-16 is damaged; save the table as UTF-8");
    }
    of(long.as_bytes(), &[], "m.csv: its first line has no end; it is no table");
    for (label, shown) in [("2", "2"), ("", ""), ("yes", "yes"), ("0.5", "0.5"), ("a\u{202e}b", "a\\u{202e}b")] {
        let message = format!("m.csv, line 3: the label is \"{shown}\"; it must be 1 (positive) or 0");
        of(format!("path,label\na.png,1\nb.png,{label}\n").as_bytes(), &[], &message);
    }
    of(b"path,label\na.png,1\na.png,0\n", &[], "m.csv: a.png is there twice; it would count twice");
    of(b"path,label\na.png,1\n./a.png,0\n", &[], "m.csv: ./a.png is there twice; it would count twice");
    of(b"path,label\n", &[], "m.csv: there are no rows");
    let split = &["--split", "test"];
    of(b"path,label\na.png,1\n", split, "m.csv: there is no column \"split\", and --split asks for one");
    of(b"path,label,split\na.png,1,train\n", split, "m.csv: there are no rows of split \"test\"");
    of(b"path,label\na.png,1\n", &["--shard", "2/2"], "m.csv: there are no rows in shard 2/2");
    of(
        b"path,label\na.png,1\n",
        &["--subgroup", "sex"],
        "m.csv: there is no column \"sex\" in its head, whose cells are separated by a comma; it needs path,label,sex",
    );
    let splits = ["validate", "--covid-ct", ".", "--split", "all", "--out", "out"];
    says(&lungglass(&folder, &splits), "COVID-CT has the splits train, val, test, not \"all\"");
    assert!(!folder.join("out").exists(), "nothing was begun");
}

#[test]
fn predictions() {
    let folder = desk("messages-of-predictions");
    let merge = |shards: &[&str]| lungglass(&folder, &[&["merge"], shards, &["--out", "whole"]].concat());
    let row = "a.png,1,,,positive,0.9,1\n";
    for (row, message) in [
        ("a.png,1,,,positive,much,1\n", "the score is \"much\"; it must be empty or a finite number"),
        ("a.png,1,,,positive,0.9,inf\n", "the logit is \"inf\"; it must be empty or a finite number"),
        ("a.png,1,,,positive,2,1\n", "the score is 2; it must be 0 to 1"),
        ("a.png,1,,,positive,0.9,\n", "it has a score and no logit"),
        ("a.png,yes,,,positive,0.9,1\n", "the label is \"yes\"; it must be 1 or 0"),
        (
            "a.png,1,,,maybe,0.9,1\n",
            "the verdict is \"maybe\"; it must be positive, negative, uncertain, refused, error",
        ),
        ("a.png,1,,,positive,0.9\n", "it has 6 cells, the head has 7"),
    ] {
        run(&folder, "part", row);
        says(&merge(&["part"]), &format!("part/predictions.csv, line 2: {message}"));
    }
    run(&folder, "part", &row.repeat(2));
    says(&merge(&["part"]), "part/predictions.csv, line 3: a.png is there twice");
    run(&folder, "part", row);
    run(&folder, "other", row);
    says(
        &lungglass(&folder, &["merge", "part", "--out", "part"]),
        "part is one of the shards: write the whole elsewhere with --out",
    );
    says(&merge(&["part", "other"]), "a.png is in more than one shard");
    says(
        &merge(&["part/predictions.csv"]),
        "part/predictions.csv: it is a file; name the folder that `validate` wrote, part",
    );
    says(
        &merge(&["part", "--subgroup", "sex"]),
        "part/predictions.csv: there is no column \"sex\"; validate with --subgroup sex",
    );
    let changed = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("other/metrics.json");
        run(folder, "other", "b.png,0,,,negative,0.1,-1\n");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    for (from, to, message) in [
        ("\"threshold\":0.5", "\"threshold\":0.6", "other: it was read by another network or at another threshold"),
        ("\"sha256\":\"0\"", "\"sha256\":\"1\"", "other: it was read by another network or at another threshold"),
        ("\"n\":1", "\"n\":1,\"unit\":\"study\"", "other: its rows are studies, and those before are not"),
        ("\"n\":1", "\"n\":7", "other: predictions.csv has 1 rows, metrics.json says 7"),
        ("\"n\":1", "\"n\":1,\"shard\":{\"part\":3,\"of\":2}", "part: it is no shard of 2, as others are"),
    ] {
        changed(&folder, from, to);
        says(&merge(&["part", "other"]), message);
    }
    let alone = |unit: &str, message: &str| {
        changed(&folder, "\"n\":1", &format!("\"n\":1,{unit}"));
        says(&merge(&["other"]), message);
    };
    alone("\"shard\":{\"part\":3,\"of\":2}", "other: there is no shard 3/2");
    alone("\"shard\":{\"part\":2,\"of\":3}", "of 3 shards, these are missing: 1, 3");
    alone("\"shard\":{\"part\":1,\"of\":30}", "of 30 shards, these are missing: 2, 3, 4, 5, 6, 7, 8, 9 and more");
    alone(
        "\"unit\":\"group\"",
        "other: its rows are groups, whose slices are not in it; validate the whole manifest with --unit group instead",
    );
    changed(&folder, "\"n\":1", "\"n\":1,\"shard\":{\"part\":1,\"of\":2}");
    fs::create_dir_all(folder.join("same")).unwrap();
    for file in ["predictions.csv", "metrics.json"] {
        fs::copy(folder.join("other").join(file), folder.join("same").join(file)).unwrap();
    }
    says(&merge(&["other", "same"]), "same: it is shard 1/2, as is other");
    assert!(!folder.join("whole").exists());

    let compare = |more: &[&str]| {
        let files = ["part/predictions.csv", "other/predictions.csv"];
        lungglass(&folder, &[&["compare"], more, &files].concat())
    };
    says(&compare(&[]), "the two files have no slice in common");
    says(&compare(&["--models"]), "the two files do not have the same slices with the same labels");
    run(&folder, "other", row);
    says(&compare(&["--models"]), "a comparison of AUCs takes two slices of each class");
    run(&folder, "other", "a.png,1,,,positive,0.9,1.5\n");
    says(&compare(&["--bound", "0.1"]), "the largest difference, 5.00e-1, is over the bound of 1.00e-1");
    run(&folder, "other", "a.png,1,,,negative,0.9,1\n");
    says(&compare(&[]), "1 verdicts differ");
    run(&folder, "other", &format!("{row}b.png,0,,,negative,0.1,-1\n"));
    says(&compare(&[]), "1 slices are in one file only");
}

#[test]
fn what_is_watched() {
    let folder = desk("messages-of-logs");
    let head = "verdict,score,logit\n";
    let watch = |text: &str, message: &str| {
        fs::write(folder.join("log.csv"), text).unwrap();
        says(&lungglass(&folder, &["watch", "log.csv"]), message);
    };
    for (row, message) in [
        ("maybe,0.9,1", "the verdict \"maybe\" is none"),
        ("positive,0.9,NaN", "the logit \"NaN\" is no number"),
        ("positive,0.9,", "it has a verdict and no logit"),
    ] {
        watch(&format!("{head}{row}\n"), &format!("log.csv, line 2: {message}"));
    }
    watch(head, "there are no rows to watch");
    let sums = ["logits", "embedding", "gray_levels"].map(|name| format!("{name}_count,{name}_sum,{name}_squares"));
    let days = format!("day,positive,negative,uncertain,refused,error,network,codes,{}\n", sums.join(","));
    let day = "2026-11-30,1,0,0,0,0,abc,,1,2,4,0,0,0,0,0,0";
    for (from, to, message) in [
        (",1,0,0,0,0,abc", ",one,0,0,0,0,abc", "the positive is \"one\"; it must be a whole number"),
        (",1,2,4,", ",1.5,2,4,", "the logits_count is \"1.5\"; it must be a whole number"),
        (",1,2,4,", ",1,two,4,", "the logits_sum is \"two\"; it must be a finite number"),
        (",1,2,4,", ",1,2,inf,", "the logits_squares is \"inf\"; it must be a finite number"),
        ("abc,,", "abc,no_lungs,", "the codes is \"no_lungs\"; it must be as not_like_ct=2 no_lungs=1"),
    ] {
        assert!(day.contains(from));
        watch(&format!("{days}{}\n", day.replace(from, to)), &format!("log.csv, line 2: {message}"));
    }
}

/// Every text in the sources that read tables that a person may read is held by some test of the command, or by the source's own.
#[test]
fn every_message_is_held_by_a_test() {
    let root = repository::path("command");
    let sources: Vec<_> = texts::sources(&root.join("src"))
        .into_iter()
        .filter(|(path, _)| {
            let name = path.strip_prefix(root.join("src")).unwrap().to_string_lossy().into_owned();
            ["table.rs", "manifest.rs", "labelled.rs", "missing.rs", "predictions.rs", "merge.rs", "watch/log.rs"]
                .contains(&&*name)
        })
        .collect();
    assert_eq!(sources.len(), 7);
    let own = sources.iter().filter_map(|(path, source)| {
        let (_, tests) = source.split_once("#[cfg(test)]")?;
        Some((path.clone(), tests.to_string()))
    });
    let tests: Vec<_> = texts::sources(&root.join("tests")).into_iter().chain(own).collect();
    let lacking = texts::lacking(&sources, &tests, &NEVER);
    assert!(lacking.is_empty(), "no test holds {} messages:\n{}", lacking.len(), lacking.join("\n"));
}

/// What the options rule out, and what takes another process to bring about.
const NEVER: [&str; 3] =
    ["give it --manifest or --covid-ct", "there are no shards", "{} was changed while it was read: start again"];
