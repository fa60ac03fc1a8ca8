//! What bodies say: text in character sets, forms, parts; lines around chunks.

use super::*;

fn shown(shape: Shape, bytes: &[u8]) -> (Tree, Result<(), Malformed>) {
    let content = Content {
        shape,
        media_type: "x/y".into(),
        decoded: None,
        coding: String::new(),
        chunks: 0,
        missing: None,
        trouble: None,
    };
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
    let result = body::describe(&content, &mut c);
    static REST: Field = Field::new("media.unreadable");
    c.rest(&REST);
    let mut at = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{} begins where the leaf before ends", node.field.name);
        at += node.bits;
    }
    assert_eq!(at, bytes.len() * 8, "the leaves reach the end");
    (tree, result)
}

fn all(tree: &Tree, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    tree.nodes
        .iter()
        .filter(|n| n.field.name == name && n.kind != NodeKind::Group)
        .map(|n| text(&n.value))
        .collect()
}

fn lines_of(charset: Option<&[u8]>, bytes: &[u8]) -> (Vec<String>, String, String) {
    let (tree, _) = shown(Shape::Text(charset.map(<[u8]>::to_vec)), bytes);
    let one = |name| all(&tree, name).join("|");
    (all(&tree, "http.body.line"), one("http.body.charset"), one("http.body.charset.source"))
}

#[test]
fn text_is_read_in_its_character_set() {
    let hao = |lines: &[&str], charset: &str, source: &str| {
        (lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), charset.to_owned(), source.to_owned())
    };
    assert_eq!(lines_of(None, "你\n好".as_bytes()), hao(&["你", "好"], "UTF-8", "assumed"));
    assert_eq!(lines_of(Some(b"GB2312"), b"\xc4\xe3\r\n\xba\xc3"), hao(&["你", "好"], "GBK", "declared"));
    assert_eq!(
        lines_of(Some(b"utf-16le"), b"\x60\x4f\n\0\x7d\x59"),
        hao(&["你", "好"], "UTF-16LE", "declared")
    );
    assert_eq!(lines_of(Some(b"latin1"), b"\xe4"), hao(&["ä"], "windows-1252", "declared"));
    assert_eq!(lines_of(None, b"\xe4"), hao(&["ä"], "windows-1252", "assumed"));
    assert_eq!(
        lines_of(Some(b"gbk"), b"\xef\xbb\xbfa"),
        hao(&["a"], "UTF-8", "bom"),
        "a mark goes before the head"
    );
    assert_eq!(lines_of(Some(b"klingon"), b"a"), hao(&["a"], "UTF-8", "assumed"));
}

#[test]
fn long_text_is_bounded() {
    let long = "é".repeat(body::MAX_LINE);
    let (lines, ..) = lines_of(None, long.as_bytes());
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains('\u{fffd}') && lines[0].len() <= body::MAX_LINE);
    let (lines, ..) = lines_of(None, &b"a\n".repeat(body::MAX_LINES + 50));
    assert_eq!(lines.len(), body::MAX_LINES);
}

#[test]
fn a_form_is_taken_apart() {
    let (tree, _) = shown(Shape::Form, b"word=%E4%BD%A0+b&empty=&flag&&a=b=c\r\n");
    assert_eq!(all(&tree, "urlencoded-form.key"), ["word", "empty", "flag", "a"]);
    assert_eq!(all(&tree, "urlencoded-form.value"), ["你 b", "b=c"]);
    assert_eq!(all(&tree, "urlencoded-form.encoded"), ["%E4%BD%A0+b"]);
    assert_eq!(form::decoded(b"100%&%zz%4"), b"100%&%zz%4");
}

#[rustfmt::skip]
const PARTS: &[u8] = b"ignore me\r\n\
    --xx\r\n\
    Content-Disposition: form-data; name=\"note\"\r\n\
    \r\n\
    two\r\nlines\r\n\
    --xx\r\n\
    Content-Disposition: form-data; name=\"file\"; filename=\"a;b.bin\"\r\n\
    Content-Type: application/octet-stream\r\n\
    \r\n\
    \x00\x01--xx\r\n\
    --xx--\r\n\
    end";

#[test]
fn parts_are_told_with_their_names() {
    let (tree, result) = shown(Shape::Multipart(b"xx".to_vec()), PARTS);
    assert_eq!(result, Ok(()));
    assert_eq!(all(&tree, "mime_multipart.name"), ["note", "file"]);
    assert_eq!(all(&tree, "mime_multipart.filename"), ["a;b.bin"]);
    assert_eq!(all(&tree, "http.body.line"), ["two", "lines"]);
    assert_eq!(
        tree.find("mime_multipart.content").next().unwrap().bits,
        6 * 8,
        "a boundary within a line is data"
    );
    assert_eq!(all(&tree, "mime_multipart.trailer").len(), 1);
    for end in 0..PARTS.len() {
        let _ = shown(Shape::Multipart(b"xx".to_vec()), &PARTS[..end]);
    }
    assert!(shown(Shape::Multipart(b"yy".to_vec()), PARTS).1.is_err());
}

#[test]
fn parameters_are_found_behind_quotes() {
    assert_eq!(param(b"a/b; charset=utf-8", b"Charset"), Some(b"utf-8".to_vec()));
    assert_eq!(param(b"form-data; name=\"a\\\"; b\"; filename=c", b"filename"), Some(b"c".to_vec()));
    assert_eq!(param(b"form-data; name=\"a\\\"; b\"", b"name"), Some(b"a\"; b".to_vec()));
    assert_eq!(param(b"x; filename=\"C:\\dir\\f\"", b"filename"), Some(b"C:\\dir\\f".to_vec()));
    assert_eq!(param(b"a/b;;", b"x"), None);
}

#[test]
fn lines_around_chunks() {
    let told = |part, bytes: &[u8]| {
        let mut tree = Tree::default();
        chunk::describe(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut tree)).map(|()| tree)
    };
    let tree = told(ChunkPart::Size, b"1aF ;name=value\r\n").unwrap();
    assert_eq!(tree.find("http.chunk_size").next().unwrap().value, Value::Uint(0x1af));
    assert_eq!(all(&tree, "http.chunk_extension"), ["name=value"]);
    assert!(told(ChunkPart::Size, b"x\r\n").is_err());
    let tree = told(ChunkPart::Trailer, b"Server-Timing: a\r\n\r\n").unwrap();
    assert_eq!(all(&tree, "http.header.name"), ["Server-Timing"]);
    assert_eq!(told(ChunkPart::SizeEnd(5), b"\n").unwrap().find("http.chunk_size").count(), 1);
}

#[test]
fn a_target_is_taken_apart() {
    let (_, tree) = both(b"GET /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(all(&tree, "http.request.uri.path"), ["/a%20b"]);
    assert_eq!(all(&tree, "http.request.uri.query"), ["x=1&y"]);
    assert_eq!(all(&tree, "http.request.uri.query.parameter"), ["x=1", "y"]);
    assert_eq!(all(&tree, "http.request.uri.decoded"), ["/a b?x=1&y"]);
    assert_eq!(address("http", b"/a%20b?x=1&y", Some(b"h")).as_deref(), Some("http://h/a%20b?x=1&y"));
    assert_eq!(address("https", b"*", Some(b"h")).as_deref(), Some("https://h*"));
}

#[test]
fn all_values_of_a_name_are_found() {
    let head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: y\r\nset-cookie: b=2\r\n\r\n";
    assert_eq!(values_of(head, b"set-cookie"), [b"a=1", b"b=2"]);
}
