//! Filters cannot be broken out of, stay short, and find exactly one user or say so.

use super::lookup::{clauses, filters};
use super::*;

#[test]
fn names_cannot_break_out_of_a_filter() {
    let spellings = [vec![
        r#"ann" or userName pr or userName eq ""#.to_owned(),
        r"NORTH\ann".to_owned(),
        "ann@north.example".to_owned(),
    ]];
    let clauses = clauses(&lookup_attributes(), &spellings);
    assert_eq!(
        clauses,
        [
            r#"userName eq "ann\" or userName pr or userName eq \"""#,
            r#"externalId eq "ann\" or userName pr or userName eq \"""#,
            r#"userName eq "NORTH\\ann""#,
            r#"externalId eq "NORTH\\ann""#,
            r#"userName eq "ann@north.example""#,
            r#"externalId eq "ann@north.example""#,
            r#"emails.value eq "ann@north.example""#,
        ]
    );
}

#[test]
fn many_nodes_go_into_few_short_filters() {
    let spellings: Vec<Vec<String>> = (0..1000).map(|n| vec![format!("person-{n:04}")]).collect();
    let clauses = clauses(&["userName".to_owned()], &spellings);
    let filters = filters(&clauses);
    assert_eq!(filters.iter().map(Vec::len).sum::<usize>(), 1000);
    assert!(filters.len() < 40, "{}", filters.len());
}

#[test]
fn a_user_is_read_as_services_write_it() {
    let user = |active: Json| User::read(&json!({ "id": "1", "active": active }));
    assert_eq!(user(json!(true)).unwrap().active, Some(true));
    assert_eq!(user(json!("False")).unwrap().active, Some(false));
    assert_eq!(user(Json::Null).unwrap().active, None);
    assert!(user(json!("perhaps")).is_err() && user(json!(1)).is_err());
    assert!(User::read(&json!({ "active": true })).is_err());
}
