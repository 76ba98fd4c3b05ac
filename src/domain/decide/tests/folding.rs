//! Pools in which upper and lower case are one: the same coupon by whatever spelling.

use super::answer::{Answered, answer, assert_answers};
use super::ask::{Ask, group, verify};
use super::shop::{Code, Name, Row, World, pool};
use super::worlds::cases;
use crate::domain::fold::strategies::recased;
use crate::domain::id::Id;
use crate::domain::operation::Operation;
use proptest::prelude::*;

/// Every name of a code that the random worlds have, in another case.
const SPELLINGS: [(Name, Name); 3] = [("A", "a"), ("B", "b"), ("C", "c")];

fn respelled(ask: &Ask) -> Ask {
    let other = SPELLINGS.iter().find(|(code, _)| *code == ask.code);
    Ask { code: other.map_or(ask.code, |(_, other)| *other), ..*ask }
}

/// A job comes again as it came first: another spelling under its id is other content.
fn respelled_by_key(ask: &Ask) -> Ask {
    if ask.key.is_multiple_of(2) { respelled(ask) } else { *ask }
}

fn folding(world: &World, fold_case: bool) -> World {
    let fold = |row: &Row| Row { fold_case: fold_case && row.group.is_some(), ..row.clone() };
    World { goods: world.goods.iter().map(fold).collect(), ..world.clone() }
}

proptest! {
    #[test]
    fn the_spelling_changes_nothing_in_a_pool_that_folds((world, asks, _) in cases()) {
        let other: Vec<Ask> = asks.iter().map(respelled_by_key).collect();
        let folds = folding(&world, true);
        let (as_imported, as_typed) = (answer(&folds, &asks), answer(&folds, &other));
        prop_assert_eq!(&as_imported.texts, &as_typed.texts);
        // Uses, wrong PINs and locks are those of one coupon.
        prop_assert_eq!(as_imported.changes, as_typed.changes);
        // And folding alone changes nothing for those who type what they were given.
        let plain = answer(&folding(&world, false), &asks);
        prop_assert_eq!(as_imported.texts, plain.texts);
    }

    #[test]
    fn in_any_other_pool_another_spelling_is_no_code((world, asks, _) in cases()) {
        let changed = |ask: &&Ask| ask.operation == Operation::Verify;
        for ask in asks.iter().filter(changed) {
            let Answered { texts, .. } = answer(&folding(&world, false), &[respelled(ask)]);
            let typed = answer(&folding(&world, false), &[*ask]).texts;
            // What is refused before a code is looked at stays refused for that.
            let is_about_the_job = matches!(&typed[0][..4], "0002" | "2302" | "3004");
            prop_assert!(texts[0] == "0602" || is_about_the_job && texts == typed, "{texts:?} {typed:?}");
        }
    }
}

/// A code as somebody may make one, and the same with the case of each letter changed or not.
fn code_and_spelling() -> impl Strategy<Value = (String, String)> {
    let is_code = |text: &String| Id::parse(text).is_ok_and(|id| id.as_str() == text);
    let codes = prop_oneof!["[A-Za-z0-9-]{1,20}", "[A-Za-zäßéıİſΣσςŉǅ0-9]{1,12}", "\\PC{1,12}"];
    let spelled = codes.prop_flat_map(|code| (Just(code.clone()), recased(code)));
    spelled.prop_filter("no code", move |(code, other)| is_code(code) && is_code(other))
}

proptest! {
    #[test]
    fn any_code_is_itself_in_any_case_where_its_pool_folds((code, other) in code_and_spelling()) {
        let [shown, typed]: [Name; 2] = [code, other].map(|text| &*text.leak());
        for (fold_case, expected) in [(true, "verified"), (false, "0602")] {
            let mut world = shop(fold_case);
            world.codes[0].code = shown;
            let answered = answer(&world, &[verify("coffee", typed, "pin-1")]).texts;
            let expected = if shown == typed { "verified" } else { expected };
            prop_assert_eq!(&answered, &[expected]);
        }
    }
}

fn shop(fold_case: bool) -> World {
    let mut world = World::with([Row { fold_case, ..pool(Some("acme"), "vip", "coffee") }]);
    world.codes = vec![
        Code { code: "SAVE-ten", holder: Some(("acme", "ann")), ..Code::default() },
        Code { code: "Größe-1", ..Code::default() },
    ];
    world.branches = vec![(0, "main", "new", "pin-1")];
    world
}

#[test]
fn a_code_is_handed_out_as_it_was_imported_and_verified_in_any_case() {
    let asks = [
        verify("coffee", "save-TEN", "pin-1"),
        group("coffee", 1),
        verify("coffee", "GRÖSSE-1", "pin-1"),
        verify("coffee", "größe-1", "pin-1"),
    ];
    let answered = answer(&shop(true), &asks).texts;
    assert_eq!(answered, ["verified", "0000 x1 Größe-1@never", "verified", "before main@0"]);
    let plain = ["0602", "0000 x1 Größe-1@never", "0602", "0602"];
    assert_answers(&shop(false), &asks, &plain);
}

#[test]
fn wrong_pins_in_two_cases_lock_one_coupon() {
    let wrong = |code| verify("coffee", code, "wrong");
    let asks: Vec<Ask> =
        ["SAVE-TEN", "save-ten", "Save-Ten", "sAVE-ten", "SAVE-ten", "save-TEN"].map(wrong).into();
    let answered = answer(&shop(true), &asks).texts;
    assert_eq!(answered, ["0608", "0608", "0608", "0608", "0608", "0901"]);
}
