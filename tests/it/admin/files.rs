//! Files as people have them: joined, exported anew, and saved by spreadsheets.

use super::world::{World, bad, counts, in_world};
use serde_json::Value;

const COUPONS: &str = "coupons import --client acme --group G";
const PLAYERS: &str = "players import --client acme --import-id jan";

async fn pool(world: &World) {
    world.client("acme").await;
    let (code, _) = world.import("goods import --client acme", "goods_id,group\npool,G\n").await;
    assert_eq!(code, 0);
}

fn reasons(report: &Value) -> Vec<String> {
    bad(report).into_iter().map(|(line, reason)| format!("{line}: {reason}")).collect()
}

async fn codes(world: &World) -> String {
    world.value("select string_agg(code, '|' order by id) from coupon").await
}

async fn refused(world: &World, words: &str, file: &[u8]) -> String {
    world.file("refused.csv", file);
    let done = world.admin(&format!("{words} @refused.csv")).await;
    assert_eq!((done.code, done.out.as_str()), (2, ""), "{words}: {done:?}");
    done.err
}

#[tokio::test]
async fn a_row_that_stands_in_the_file_before_is_bad_and_names_the_first() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "code,expires_at\nA,\nB,\n A ,\nB,2030-01-01T00:00:00Z\n\"A\u{a0}\",\nC,\n";
        let again = ["4: the code is on line 2 already", "5: the code is on line 3 already", "6: the code is on line 2 already"];
        for added in [3, 0] {
            let (code, report) = world.import(COUPONS, file).await;
            assert_eq!((code, counts(&report)), (1, [6, added, 0, 3 - added, 3]));
            assert_eq!(reasons(&report), again);
        }
        assert_eq!(codes(&world).await, "A|B|C");
        // The first of them is what the pool contradicts.
        let file = "code,expires_at\nA,2030-01-01T00:00:00Z\nA,\n";
        let (code, report) = world.import(COUPONS, file).await;
        assert_eq!((code, counts(&report)), (1, [2, 0, 0, 0, 2]));
        assert_eq!(
            reasons(&report),
            ["2: the code is in the pool already, with no expiry", "3: the code is on line 2 already"]
        );

        let file = "player_id,asset,amount\nann,point,7\nann,badge:a,7\nann,point,7\nbob,point,7\nann, point ,8\n";
        let again = ["4: player and asset are on line 2 already", "6: player and asset are on line 2 already"];
        for added in [3, 0] {
            let (code, report) = world.import(PLAYERS, file).await;
            assert_eq!((code, counts(&report)), (1, [5, added, 0, 3 - added, 2]));
            assert_eq!(reasons(&report), again);
        }
        let point = "select amount from balance where player_id = 'ann' and asset = 'point'";
        assert_eq!(world.value(point).await, "7");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_is_found_again_however_far_behind_the_first() {
    in_world(|world| async move {
        pool(&world).await;
        let mut file = "code\n".to_owned();
        (0..12_000).for_each(|n| file += &format!("CODE-{n:05}\n"));
        file += "CODE-00000\nNEW\nCODE-11999\nCODE-00000\n";
        let (code, report) = world.import(COUPONS, &file).await;
        assert_eq!((code, counts(&report)), (1, [12_004, 12_001, 0, 0, 3]));
        assert_eq!(
            reasons(&report),
            [
                "12002: the code is on line 2 already",
                "12004: the code is on line 12001 already",
                "12005: the code is on line 2 already"
            ]
        );
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_header_reads_as_people_write_it_and_what_is_empty_at_the_end_is_none() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "\u{feff} Code , EXPIRES_AT ,,\r\nA,,,\r\n,,,\r\nB,2030-01-01T00:00:00Z\r\nC,,\r\n,,,\r\n,,,\r\n";
        let (code, report) = world.import(COUPONS, file).await;
        assert_eq!((code, counts(&report)), (1, [4, 3, 0, 0, 1]));
        assert_eq!(reasons(&report), ["3: code: must not be blank"]);
        let (code, report) = world.import(COUPONS, "CODE,\nD,\nE,x\n,\n").await;
        assert_eq!((code, counts(&report)), (1, [2, 1, 0, 0, 1]));
        assert_eq!(reasons(&report), ["3: 2 fields, but the header has 1"]);
        let (code, report) = world.import(COUPONS, "code\nF\ncode\nG\n\u{feff}Code\nH\n").await;
        assert_eq!((code, counts(&report)), (1, [5, 3, 0, 0, 2]));
        let again = "a header again, as in files that were joined: remove the line";
        assert_eq!(reasons(&report), [format!("3: {again}"), format!("5: {again}")]);
        assert_eq!(codes(&world).await, "A|B|C|D|F|G|H");
        let joined = "player_id,asset,amount\nann,point,7\namount,asset,player_id\n7,point,bob\n";
        let (_, report) = world.import(PLAYERS, joined).await;
        assert_eq!(reasons(&report)[0], format!("3: {again}"));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_csv_in_utf_8_is_named_with_what_to_do() {
    in_world(|world| async move {
        pool(&world).await;
        let utf16 = |mark: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("{mark}code\r\nSECRET-1\r\n").encode_utf16().flat_map(bytes).collect()
        };
        let files: [(Vec<u8>, &[&str]); 11] = [
            (utf16("", u16::to_le_bytes), &["UTF-16 (little-endian)", "UTF-8"]),
            (utf16("\u{feff}", u16::to_le_bytes), &["UTF-16 (little-endian)", "UTF-8"]),
            (utf16("", u16::to_be_bytes), &["UTF-16 (big-endian)", "UTF-8"]),
            (utf16("\u{feff}", u16::to_be_bytes), &["UTF-16 (big-endian)", "UTF-8"]),
            (b"\x1f\x8b\x08\0\0\0\0\0SECRET".to_vec(), &["gzip", "gunzip"]),
            (b"PK\x03\x04\x14\0SECRET".to_vec(), &[".xlsx", "save it as CSV"]),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1SECRET".to_vec(), &[".xls)", "save it as CSV"]),
            (b"%PDF-1.7\nSECRET".to_vec(), &["PDF", "as CSV"]),
            (b"code;expires_at\nSECRET-1;\n".to_vec(), &["semicolons", "with commas"]),
            (b"code\texpires_at\nSECRET-1\t\n".to_vec(), &["tabs", "with commas"]),
            (b"SECRET-1\nSECRET-2\n".to_vec(), &["no header", "name the columns code"]),
        ];
        for (file, words) in files {
            let said = refused(&world, COUPONS, &file).await;
            assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
            assert!(!said.contains("SECRET"), "{said}");
        }
        assert_eq!(codes(&world).await, "null");
    })
    .await;
}

#[tokio::test]
async fn what_a_spreadsheet_has_changed_is_taken_and_told() {
    in_world(|world| async move {
        pool(&world).await;
        let file =
            "code\n1.23457E+12\nGOOD-1\n=\"00456\"\n#REF!\n#N/A\nNULL\nnull\nN/A\n456.0\nGOOD-2\n";
        let (code, report) = world.import(COUPONS, file).await;
        assert_eq!((code, counts(&report)), (0, [10, 10, 0, 0, 0]));
        let warnings = report["warnings"].as_array().expect("a list");
        let lines: Vec<_> =
            warnings.iter().filter_map(|warning| warning["line"].as_u64()).collect();
        assert_eq!(
            (lines, report["warned_rows"].as_u64()),
            (vec![2, 4, 5, 6, 7, 8, 9, 10], Some(8))
        );
        for (warning, words) in
            warnings.iter().zip(["shortened", "formula", "error", "error", "empty"])
        {
            let reason = warning["reason"].as_str().expect("a reason");
            assert!(reason.starts_with("code: ") && reason.contains(words), "{reason}");
        }
        world.file("c.csv", file);
        let done = world.admin(&format!("{COUPONS} @c.csv")).await;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.ends_with("bad        0\nwarnings   8\n"), "{}", done.out);
        assert!(done.err.starts_with("line 2: warning: code: looks like a number"), "{}", done.err);
        assert!(!done.err.contains("1.23457") && !done.err.contains("00456"), "{}", done.err);
        let (code, report) = world.import(PLAYERS, "player_id,asset,amount\nNULL,point,1\n").await;
        assert_eq!((code, report["warned_rows"].as_u64()), (0, Some(1)));
    })
    .await;
}

#[tokio::test]
async fn numbers_and_times_are_read_where_they_are_plain() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "player_id,asset,amount\na,point,100.0\nb,point,100.5\nc,point,\"1,000\"\nd,point,1 000\ne,point,1.000\nf,point,1E+05\n";
        let (code, report) = world.import(PLAYERS, file).await;
        assert_eq!((code, counts(&report)), (1, [6, 1, 0, 0, 5]));
        let told = reasons(&report);
        for (told, words) in told.iter().zip(["3: amount: has a fraction", "4: amount: has thousands separators",
            "5: amount: has thousands separators", "6: amount: has thousands separators", "7: amount: is not a whole number"]) {
            assert!(told.starts_with(words), "{told}");
        }
        assert_eq!(world.value("select amount from balance").await, "100");

        let file = "code,expires_at\nA,2026-01-31\nB,2026-01-31T10:00:00\nC,31.01.2026\nD,SECRET\nE,2030-01-01T00:00:00Z\n";
        let (code, report) = world.import(COUPONS, file).await;
        assert_eq!((code, counts(&report)), (1, [5, 1, 0, 0, 4]));
        let told = reasons(&report);
        for (told, words) in told.iter().zip(["without a time of day", "no offset", "not an RFC 3339 time", "not an RFC 3339 time"]) {
            assert!(told.contains(words) && told.contains("2026-01-31T10:00:00Z"), "{told}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_reason_repeats_anything_of_a_file_of_codes() {
    in_world(|world| async move {
        pool(&world).await;
        let odd = [
            "SECRET\u{200b}",
            "SECRET\u{1b}[31m",
            "SECRET\u{202e}",
            &"SECRET".repeat(30),
            "\"SECRET\"x",
            " \"SECRET\"",
            "=SECRET",
        ];
        let mut file = b"code,expires_at\nSECRET,2030-01-01T00:00:00Z\nSECRET,\n".to_vec();
        for odd in odd {
            file.extend(format!("{odd},\nB,{odd}\n{odd},{odd},{odd}\n{odd}\n").bytes());
        }
        file.extend(b"\xffSECRET,\nB,\xffSECRET\ncode,expires_at\n\"SECRET,\nSECRET\n");
        world.file("c.csv", &file);
        for pass in ["new", "again"] {
            let done = world.admin(&format!("{COUPONS} @c.csv")).await;
            assert_eq!(done.code, 1, "{pass}: {done:?}");
            assert!(
                done.err.lines().count() > 20 && !done.err.contains("SECRET"),
                "{pass}: {done:?}"
            );
            let done = world.admin(&format!("{COUPONS} @c.csv --json")).await;
            assert!(!done.out.contains("SECRET"), "{pass}: {done:?}");
        }
        for header in [
            "SECRET",
            "code,SECRET",
            "SECRET,expires_at",
            "code;SECRET",
            "code,\"SECRET\"x",
            "code,code,SECRET",
            "\u{1b}SECRET,\u{202e}",
        ] {
            let said = refused(&world, COUPONS, format!("{header}\nA,\n").as_bytes()).await;
            assert!(!said.contains("SECRET") && !said.contains('\u{1b}'), "{said}");
        }
    })
    .await;
}
