//! Broken, foreign and hostile files, and folders in which a person has worked.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::*;

fn told(done: &Imported) -> Vec<String> {
    let line = |problem: &cordon_model::signal::Problem| {
        let file = problem.file.rsplit(['/', '\\']).next().unwrap_or("");
        format!("{file} {} {}", problem.place, problem.what)
    };
    done.problems.iter().map(line).collect()
}

const ANN: &str = "{'ObjectIdentifier':'#-1001','Properties':{'name':'ANN@NORTH.EXAMPLE'},'PrimaryGroupSID':'#-513'}";
const BEN: &str = "{'ObjectIdentifier':'#-1002','Properties':{'name':'BEN@NORTH.EXAMPLE'},'PrimaryGroupSID':'#-513'}";

#[test]
fn a_broken_file_keeps_what_was_good_and_stops_no_other() {
    let users = file("users", &[ANN, BEN]);
    let broken_at = users.find("1002").unwrap();
    for (text, expect) in [
        (
            users.get(..broken_at).unwrap().to_owned(),
            format!(
                "users.json line 1, byte {broken_at} the file ends in the middle; 1 records before it are kept"
            ),
        ),
        (
            users.replace("\"ObjectIdentifier\":\"S-1-5-21-1-2-3-1002\"", "\"ObjectIdentifier\" \"x\""),
            "users.json line 1, byte 154 not JSON from here on: expected `:`; 1 records before it are kept".to_owned(),
        ),
    ] {
        let groups = file("groups", &["{'ObjectIdentifier':'#-513','Properties':{'name':'DU'}}"]);
        let (root, done) = imported(&[("groups.json", &groups), ("users.json", &text)]);
        assert_eq!(links(&root), ["user:ann@north.example,group:du,MemberOf"]);
        assert_eq!(told(&done), [expect]);
        assert!(done.is_partial());
    }
}

#[test]
fn what_a_file_says_of_itself_is_held_against_it() {
    let users = |meta: &str| format!("{{'data':[{ANN}],'meta':{meta}}}");
    for (name, text, expect) in [
        (
            "users.json",
            users("{'type':'users','count':3,'version':6}"),
            "users.json  `meta` promises 3 records, 1 were read",
        ),
        (
            "users.json",
            users("{'type':'users','count':1,'version':7}"),
            "users.json  version 7 is not known; the file was read as version 6",
        ),
        (
            "a.json",
            users("{'type':'aardvarks','count':1,'version':6}"),
            "a.json  `aardvarks` is not a known type of records",
        ),
        ("a.json", users("null"), "a.json  nothing says what its records are"),
        (
            "users.json",
            format!("{{'data':[{ANN},7,{{'Aces':[]}},null],'meta':{{'type':'users'}}}}"),
            "users.json  1 records have no `ObjectIdentifier`|users.json  1 values are not of the expected form",
        ),
        (
            "users.json",
            format!(
                "{{'data':[{}]}}",
                ANN.replace("'PrimaryGroupSID':'#-513'", "'Aces':{'a':[1]},'AllowedToDelegate':7")
            ),
            "users.json  1 values are not of the expected form",
        ),
        (
            "a.json",
            format!("{{'users':[{ANN}],'data':[{ANN}],'meta':{{'type':'users'}}}}"),
            "a.json  the file is of version 3 or older",
        ),
    ] {
        let text = text.replace('#', SID).replace('\'', "\"");
        let (root, done) = imported(&[(name, &text)]);
        assert_eq!(told(&done).join("|"), expect);
        assert!(nodes(&root)[0].contains("ann@north.example") || nodes(&root).len() > 1);
        assert!(!done.is_partial());
    }
}

#[test]
fn files_of_other_kinds_are_told() {
    let azure = "{\"data\":[{\"kind\":\"AZUser\",\"data\":{\"id\":\"x\"}}],\"meta\":{\"type\":\"azure\",\"count\":1}}";
    let users = file("users", &[ANN]);
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(users.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("a-azure.json"), azure).unwrap();
    fs::write(source.join("b-list.json"), "[1, 2]").unwrap();
    fs::write(source.join("c-utf16.json"), utf16).unwrap();
    fs::write(source.join("d-empty.json"), "").unwrap();
    fs::write(source.join("e-users.json"), format!("\u{feff}{users}")).unwrap();
    fs::write(source.join("readme.txt"), "not read").unwrap();
    let done =
        import(&[source, root.path().join("none.zip")], &estate(&root), &mut |_| ()).unwrap();
    assert_eq!(
        told(&done),
        [
            "a-azure.json  this is a collection of AzureHound, which is not imported",
            "b-list.json  there is no `data` in it",
            "c-utf16.json  the file is UTF-16; 0 records before it are kept",
            "d-empty.json line 1, byte 0 the file ends in the middle; 0 records before it are kept",
            "none.zip  cannot be opened: No such file or directory (os error 2)",
        ]
    );
    assert_eq!(links(&root).len(), 1, "the good one is read, with its mark");
}

#[test]
fn archives_are_read_without_their_list_too() {
    let mut bytes = Vec::new();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(&mut bytes));
    for (name, kind, record) in
        [("in/1_users.json", "users", ANN), ("2_groups.json", "groups", BEN)]
    {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(file(kind, &[record]).as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("whole.zip");
    fs::write(&path, &bytes).unwrap();
    let whole = import(&[path], &estate(&root), &mut |_| ()).unwrap();
    assert_eq!((told(&whole), whole.files.len()), (vec![], 2));
    let path = root.path().join("cut.zip");
    fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let cut = import(std::slice::from_ref(&path), &estate(&root), &mut |_| ()).unwrap();
    assert_eq!(cut.edges, whole.edges);
    assert!(cut.is_partial() && told(&cut)[0].contains("list of members cannot be read"));
    fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
    let cut = import(std::slice::from_ref(&path), &estate(&root), &mut |_| ()).unwrap();
    assert_eq!((cut.files.len(), cut.files[0].partial), (1, true), "the first member, cut too");
    fs::write(&path, &bytes[..20]).unwrap();
    import(&[path], &estate(&root), &mut |_| ()).unwrap_err();
}

#[test]
fn nothing_of_a_person_is_overwritten() {
    let users = file("users", &[ANN]);
    let (root, done) = imported(&[("users.json", &users)]);
    assert_eq!(
        done.written,
        ["estate/nodes.csv", "estate/links.csv", "estate/directory.toml", "import.json"]
    );
    let own = "# mine\n[[asset]]\nnode = \"user:ann@north.example\"\nloss = 5\n";
    fs::write(estate(&root).join("estate/directory.toml"), own).unwrap();
    let source = [root.path().join("source")];
    let again = import(&source, &estate(&root), &mut |_| ()).unwrap();
    assert_eq!((again.kept, again.edges), (vec!["estate/directory.toml".to_owned()], done.edges));
    assert_eq!(read(&root, "estate/directory.toml"), own);

    let links = estate(&root).join("estate/links.csv");
    let changed =
        format!("{}user:ann@north.example,group:x,MemberOf\n", read(&root, "estate/links.csv"));
    fs::write(&links, &changed).unwrap();
    let refused = import(&source, &estate(&root), &mut |_| ()).unwrap_err();
    assert!(matches!(refused, ImportError::Changed { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&links).unwrap(), changed);

    fs::remove_file(estate(&root).join("import.json")).unwrap();
    let refused = import(&source, &estate(&root), &mut |_| ()).unwrap_err();
    assert!(matches!(refused, ImportError::Foreign { .. }), "{refused}");
    let left: Vec<_> = fs::read_dir(estate(&root).join("estate")).unwrap().collect();
    assert_eq!(left.len(), 3, "scratch files go: {left:?}");
}

#[test]
fn any_cut_and_any_byte_is_answered() {
    let whole = file(
        "groups",
        &[
            "{'ObjectIdentifier':'#-512','Properties':{'name':'A','domain':'N'},'Aces':[
              {'PrincipalSID':'#-1','PrincipalType':'User','RightName':'GenericAll','IsInherited':true}],
              'Members':[{'ObjectIdentifier':'#-9','ObjectType':'User'}],'LocalGroups':[{'Results':[]}]}",
            BEN,
        ],
    );
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("groups.json");
    for at in (0..whole.len()).step_by(7) {
        fs::write(&path, whole.get(..at).unwrap()).unwrap();
        let _ = import(std::slice::from_ref(&path), &estate(&root), &mut |_| ());
        for byte in [b'"', b'[', b'}', b',', b'7', 0xff] {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] = byte;
            fs::write(&path, bytes).unwrap();
            if import(std::slice::from_ref(&path), &estate(&root), &mut |_| ()).is_ok() {
                crate::read(&estate(&root)).unwrap();
            }
        }
    }
}
