//! What holds for all words: both languages, the same placeholders, a sentence for every event, Chinese typography.

use std::collections::BTreeSet;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::template::{Part, is_chinese, next_part};
use super::{Lang, Placeholder, event, field, fill, find, ids, placeholders, store, text, value};
use crate::flow::Kind;

/// Every text there is: where it stands, English, Chinese.
fn all() -> Vec<(String, [String; 2])> {
    let mut texts = Vec::new();
    for area in ["interface", "errors", "help", "expression", "layers", "live", "lesson", "questions"] {
        for id in ids(area) {
            let pair = Lang::ALL.map(|lang| find(lang, area, id).unwrap().to_owned());
            texts.push((format!("{area}: {id}"), pair));
        }
    }
    for id in ids("events") {
        let (kind, variant) = id.split_once('/').unwrap_or((id, ""));
        let words = event(kind, variant).unwrap();
        texts.push((format!("events: {id} line"), words.line.clone()));
        texts.push((format!("events: {id} why"), words.why.clone()));
    }
    for name in ids("fields") {
        let words = field(name).unwrap();
        texts.push((format!("fields: {name}"), words.text.clone()));
        for (value, pair) in &words.values {
            texts.push((format!("fields: {name} = {value}"), pair.clone()));
        }
    }
    texts
}

/// The names in a template; a name that is required anywhere counts as required.
fn names(template: &str) -> BTreeSet<(&str, bool)> {
    let found = placeholders(template);
    let required = |name| found.iter().any(|p: &Placeholder<'_>| p.name == name && !p.optional);
    found.iter().map(|p| (p.name, !required(p.name))).collect()
}

#[test]
fn every_text_has_both_languages() {
    let missing: Vec<_> =
        all().into_iter().filter(|(_, pair)| pair.iter().any(|t| t.trim().is_empty())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn both_languages_ask_for_the_same_values() {
    let texts = all();
    let differ: Vec<_> = texts.iter().filter(|(_, [en, zh])| names(en) != names(zh)).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

/// Numbers in words, in both languages. What is not here (one, zero: articles and bits) is said in too many ways.
const WORDS: [(&str, &str, &str); 10] = [
    ("2", "two", "二"),
    ("3", "three", "三"),
    ("4", "four", "四"),
    ("5", "five", "五"),
    ("6", "six", "六"),
    ("7", "seven", "七"),
    ("8", "eight", "八"),
    ("9", "nine", "九"),
    ("10", "ten", "十"),
    ("20", "twenty", "二十"),
];

/// The numbers that a text has in digits, without its placeholders; names with digits in them are no numbers.
fn digits(text: &str) -> BTreeSet<String> {
    let mut bare = String::new();
    let mut depth = 0;
    for c in text.replace(',', "").chars() {
        match c {
            '{' => depth += 1,
            '}' => (depth, bare) = (depth - 1, bare + " "),
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    let words = bare.split(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)));
    let numbers = words
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    // 2MSL is 2 MSL, 8 KB is 8KB.
    let number = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_alphabetic()).to_owned();
    numbers.map(number).filter(|number| number != "0" && number != "1").collect()
}

/// Whether a text says this number in words.
fn says(text: &str, number: &str) -> bool {
    let lower = text.to_lowercase();
    let ordinal = [("2", "second"), ("2", "twice"), ("2", "两"), ("3", "third")];
    let named = WORDS.iter().any(|(n, en, zh)| *n == number && (lower.contains(en) || lower.contains(zh)));
    named || ordinal.iter().any(|(n, word)| *n == number && lower.contains(word))
}

#[test]
fn both_languages_have_the_same_numbers() {
    let mut wrong = Vec::new();
    for (id, [english, chinese]) in all() {
        let (en, zh) = (digits(&english), digits(&chinese));
        let missing = en.difference(&zh).filter(|n| !says(&chinese, n));
        let added = zh.difference(&en).filter(|n| !says(&english, n));
        let other: Vec<_> = missing.chain(added).collect();
        if !other.is_empty() {
            wrong.push(format!("{id}: {other:?}\n  {english}\n  {chinese}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_event_has_words() {
    let without: Vec<_> =
        Kind::ALL.iter().map(|k| k.name()).filter(|name| event(name, "").is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// What a step of a lesson looks for has a name.
#[test]
fn every_kind_of_event_has_a_name() {
    let others = ["packet", "state", "flow", "hop", "half-close"];
    let names = Kind::ALL.iter().map(|kind| kind.name()).chain(others);
    let without: Vec<_> =
        names.filter(|name| find(Lang::En, "lesson", &format!("kind.{name}")).is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_event_with_words_exists() {
    let unknown: Vec<_> = ids("events")
        .into_iter()
        .filter(|id| Kind::from_name(id.split('/').next().unwrap()).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Line and why together fill at most three lines of 100 columns.
#[test]
fn explanations_are_short() {
    let mut long = Vec::new();
    for id in ids("events") {
        let (kind, variant) = id.split_once('/').unwrap_or((id, ""));
        let words = event(kind, variant).unwrap();
        for lang in Lang::ALL {
            let both = format!("{}{}", words.line[lang.index()], words.why[lang.index()]);
            let width = fill(&both, &|_| Some("12345678".to_owned())).width();
            if width > 300 {
                long.push((id, lang, width));
            }
        }
    }
    assert!(long.is_empty(), "{long:?}");
}

/// TOML itself refuses an id that stands twice in one file; this is about fields in two files, and about entries
/// that hold something else than what an entry has.
#[test]
fn ids_are_unique_and_keys_are_known() {
    let names = ids("fields");
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), unique.len());
    let known = ["en", "zh", "spec", "values", "line_en", "line_zh", "why_en", "why_zh"];
    for (file, source) in store::files() {
        let root: toml::Table = source.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut tables: Vec<(String, &toml::Table)> = vec![(String::new(), &root)];
        while let Some((path, table)) = tables.pop() {
            for (key, entry) in table {
                let path = format!("{path}/{key}");
                match entry {
                    toml::Value::Table(inner) => tables.push((path, inner)),
                    toml::Value::String(_) => {
                        assert!(known.contains(&key.as_str()), "{file}: {path} is no key of an entry");
                    }
                    _ => panic!("{file}: {path} is not a text"),
                }
            }
        }
    }
}

/// Braces that open nothing known are a slip of the pen, outside the texts that speak of braces.
#[test]
fn no_placeholder_is_mistyped() {
    for (id, pair) in all() {
        for text in pair {
            let filled = fill(&text, &|_| Some("1".to_owned()));
            if !id.starts_with("expression") && !id.starts_with("fields") {
                assert!(
                    !filled.contains(['{', '}', '|']) || id.starts_with("help: examples"),
                    "{id}: {filled}"
                );
            }
        }
    }
}

/// A template as it stands, its optional parts kept or left out.
fn expand(template: &str, keep: bool) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, part, whole, after)) = next_part(rest) {
        out.push_str(before);
        match part {
            Part::Optional(_, text) if keep => out.push_str(&expand(text, keep)),
            Part::Optional(..) => {}
            _ => out.push_str(whole),
        }
        rest = after;
    }
    out + rest
}

/// Chinese typography. Around placeholders a space may stand or not: filling sees to it. Where a text speaks of
/// `code`, that keeps its own quotes and colons.
fn typography(zh: &str, code: bool) -> Result<(), String> {
    let chars: Vec<char> = zh.chars().collect();
    let wide = |c: char| is_chinese(c) || "，。；：！？（）“”、《》…".contains(c);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(i + 1).copied();
        let around = || chars[i.saturating_sub(6)..chars.len().min(i + 7)].iter().collect::<String>();
        if !code && (c == '"' || c == '\'') {
            return Err(format!("straight quote: {}", around()));
        }
        if !code && before.is_some_and(is_chinese) && ",;:!?().".contains(c) {
            return Err(format!("half-width punctuation: {}", around()));
        }
        let latin = |c: char| c.is_ascii_alphanumeric() || c == '#';
        if before.is_some_and(is_chinese) && latin(c) || before.is_some_and(latin) && is_chinese(c) {
            return Err(format!("no space: {}", around()));
        }
        if c == ' ' && before.is_some_and(|b| wide(b) && !is_chinese(b)) && after.is_some_and(|a| a != ' ') {
            return Err(format!("space after full-width punctuation: {}", around()));
        }
        if c == ' '
            && before != Some(' ')
            && after.is_some_and(|a| wide(a) && !is_chinese(a) && !"“（".contains(a))
        {
            return Err(format!("space before full-width punctuation: {}", around()));
        }
    }
    Ok(())
}

#[test]
fn chinese_is_set_as_the_glossary_says() {
    let mut wrong = Vec::new();
    for (id, [_, zh]) in all() {
        if id.starts_with("help: examples") {
            continue;
        }
        // Code in single quotes, as a shell has it, is left as it is.
        let prose: String = zh.split('\'').step_by(2).collect();
        for keep in [true, false] {
            if let Err(why) = typography(&expand(&prose, keep), id.starts_with("expression")) {
                wrong.push((id.clone(), why));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Words that the glossary rules out.
#[test]
fn chinese_keeps_to_the_glossary() {
    let avoided = [
        "封包",
        "八位组",
        "头部",
        "报头",
        "包头",
        "服务端",
        "重发",
        "失序",
        "结点",
        "优雅关闭",
        "确认应答",
        "累计确认",
        "超时重发",
    ];
    let mut wrong = Vec::new();
    for (id, [_, zh]) in all() {
        wrong.extend(avoided.iter().filter(|word| zh.contains(**word)).map(|word| (id.clone(), *word)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// English has no Chinese in it, and sentences of events end as sentences do.
#[test]
fn english_is_english_and_sentences_end() {
    for (id, [en, zh]) in all() {
        assert!(!en.contains(is_chinese), "{id}: {en}");
        if id.starts_with("events") {
            assert!(en.ends_with(['.', '?', '}']) && zh.ends_with(['。', '？', '}']), "{id}");
        }
    }
}

#[test]
fn specifications_are_cited_in_one_way() {
    let mut wrong = Vec::new();
    for id in ids("events") {
        let (kind, variant) = id.split_once('/').unwrap_or((id, ""));
        for place in event(kind, variant).unwrap().spec.split("; ").filter(|s| !s.is_empty()) {
            let number =
                place.strip_prefix("RFC ").map(|rest| rest.split([' ', ',']).next().unwrap_or_default());
            if number.is_none_or(|n| n.parse::<u16>().is_err()) {
                wrong.push((id, place));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_variant_without_words_is_told_by_its_kind() {
    assert_eq!(
        event("tcp.close.reset", "no-such-variant").unwrap().line,
        event("tcp.close.reset", "").unwrap().line
    );
    assert_ne!(event("tcp.close.reset", "unread").unwrap().line, event("tcp.close.reset", "").unwrap().line);
    assert!(event("tcp.no-such-kind", "").is_none());
}

#[test]
fn what_is_missing_is_visible() {
    assert_eq!(text(Lang::En, "interface", "no.such.id"), "no.such.id");
    assert_eq!(text(Lang::Zh, "no-such-area", "role.client"), "role.client");
    assert_eq!(text(Lang::Zh, "interface", "role.client"), "客户端");
    assert!(field("no.such.field").is_none() && value(Lang::En, "no.such.field", "1").is_none());
}

fn filled(template: &str, values: &[(&str, &str)]) -> String {
    fill(template, &|name| values.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

#[test]
fn templates_are_filled() {
    assert_eq!(filled("{a} and {b}", &[("a", "1"), ("b", "{a}")]), "1 and {a}");
    assert_eq!(filled("{n} {n|byte|bytes}", &[("n", "1")]), "1 byte");
    assert_eq!(filled("{n} {n|byte|bytes}", &[("n", "0")]), "0 bytes");
    assert_eq!(filled("it{x?, as in #{x}}.", &[("x", "7")]), "it, as in #7.");
    assert_eq!(filled("it{x?, as in #{x}}.", &[]), "it.");
    assert_eq!(filled("it{x?, as in #{x}}.", &[("x", "")]), "it.");
    assert_eq!(filled("{missing} {n|a|b}", &[]), "{missing} {n|a|b}");
    assert_eq!(filled("tcp.port in {80, 443} { {a", &[("a", "1")]), "tcp.port in {80, 443} { {a");
}

#[test]
fn chinese_values_are_set_as_chinese() {
    assert_eq!(filled("{who} 说", &[("who", "客户端")]), "客户端说");
    assert_eq!(filled("{who} 说", &[("who", "A")]), "A 说");
    assert_eq!(filled("发给 {who} 的", &[("who", "服务器")]), "发给服务器的");
    assert_eq!(filled("发给 {who} 的", &[("who", "10.0.0.1")]), "发给 10.0.0.1 的");
    assert_eq!(filled("用了{t?{t}}", &[("t", "3 秒")]), "用了 3 秒");
}

#[test]
fn placeholders_say_what_is_optional() {
    let found = placeholders("{a} {b|x|y} {c?{c} {d}}");
    let found: Vec<_> = found.iter().map(|p| (p.name, p.optional)).collect();
    assert_eq!(found, [("a", false), ("b", false), ("c", true), ("c", true), ("d", false)]);
}

#[test]
fn the_environment_chooses_the_language() {
    let of = |vars: &[(&str, &str)]| {
        Lang::from_environment(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    assert_eq!(of(&[]), Lang::En);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Lang::En);
    assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh-TW"), ("LC_ALL", "")]), Lang::Zh);
    assert_eq!(Lang::from_name("zh"), Some(Lang::Zh));
    assert_eq!(Lang::from_name("de"), None);
}

proptest! {
    #[test]
    fn no_template_and_no_value_breaks_filling(template in ".{0,60}|[{}|?a中 ]{0,40}", v in ".{0,20}") {
        let _ = fill(&template, &|_| Some(v.clone()));
        let _ = fill(&template, &|_| None);
        let _ = placeholders(&template);
    }
}
