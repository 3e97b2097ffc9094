//! `attempts` of a firmware: `{ clock = "refuse", unexpected = "fail" }`.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};

use crate::attempt::{Answer, Class, KeyOr, Policy, Unexpected};
use crate::value::{ValueError, text};

pub(super) fn attempts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    deserializer.deserialize_map(Table)
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Policy, A::Error> {
        let mut policy = Policy::default();
        while let Some(key) = table.next_key_seed(KeyOr("unexpected"))? {
            match key {
                Some(class) => {
                    let answer = table.next_value_seed(AnswerTo(class))?;
                    policy.answers.insert(class, answer);
                }
                None => policy.unexpected = table.next_value_seed(OnUnexpected)?,
            }
        }
        Ok(policy)
    }
}

/// What a class is answered with.
struct AnswerTo(Class);

impl<'de> DeserializeSeed<'de> for AnswerTo {
    type Value = Answer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Answer, D::Error> {
        let Self(class) = self;
        text(deserializer, "an answer in a string, such as \"refuse\"", |text| {
            let answers = class.answers();
            answers.iter().copied().find(|answer| answer.name() == text).ok_or_else(|| {
                let names: Vec<_> = answers.iter().map(|answer| answer.name()).collect();
                let message = format!("`{}` is no answer to `{class}`", text.escape_debug());
                ValueError::hinted(message, format!("write `{}`", names.join("` or `")))
            })
        })
    }
}

struct OnUnexpected;

impl<'de> DeserializeSeed<'de> for OnUnexpected {
    type Value = Unexpected;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Unexpected, D::Error> {
        text(deserializer, "`report` or `fail` in a string", |text| match text {
            "report" => Ok(Unexpected::Report),
            "fail" => Ok(Unexpected::Fail),
            _ => {
                let message = format!("`{}` is neither `report` nor `fail`", text.escape_debug());
                Err(ValueError::new(message))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use insta::assert_snapshot;

    use super::*;
    use crate::firmware::Config;

    fn config(attempts: &str) -> String {
        format!("[firmware.r]\nrootfs = 'a'\n{attempts}")
    }

    fn policy(attempts: &str) -> Policy {
        let config = Config::parse(Path::new("fwtest.toml"), &config(attempts)).unwrap();
        config.firmwares[0].attempts.clone()
    }

    fn error(attempts: &str) -> String {
        Config::parse(Path::new("fwtest.toml"), &config(attempts)).unwrap_err().whole()
    }

    #[test]
    fn a_firmware_says_what_it_wants_answered() {
        let all = "attempts = { clock = 'refuse', reboot = 'emulate', unexpected = 'fail' }";
        let answers = [(Class::Clock, Answer::Refuse), (Class::Reboot, Answer::Emulate)]
            .into_iter()
            .collect();
        assert_eq!(policy(all), Policy { answers, unexpected: Unexpected::Fail });
        assert_eq!(policy("[firmware.r.attempts]\nunexpected = 'report'"), Policy::default());
        assert_eq!(policy("attempts = {}"), Policy::default());
        assert_eq!(policy(""), Policy::default());
        for class in Class::all() {
            for answer in class.answers() {
                let read = policy(&format!("attempts.{class} = '{}'", answer.name()));
                assert_eq!(read.answer(class), answer, "{class}");
            }
        }
    }

    #[test]
    fn a_class_that_there_is_not_is_pointed_at() {
        assert_snapshot!(error("attempts = { clock = 'refuse', modles = 'refuse' }"), @"
        failed to read `fwtest.toml`: unknown key `modles`
         --> fwtest.toml:3:32
          |
        3 | attempts = { clock = 'refuse', modles = 'refuse' }
          |                                ^^^^^^
        hint: did you mean `modules`?
        ");
        assert_snapshot!(error("attempts = { unexpcted = 'fail' }"), @"
        failed to read `fwtest.toml`: unknown key `unexpcted`
         --> fwtest.toml:3:14
          |
        3 | attempts = { unexpcted = 'fail' }
          |              ^^^^^^^^^
        hint: did you mean `unexpected`?
        ");
        assert_snapshot!(error("[firmware.r.attempts]\nbluetooth = 'refuse'"), @"
        failed to read `fwtest.toml`: unknown key `bluetooth`
         --> fwtest.toml:4:1
          |
        4 | bluetooth = 'refuse'
          | ^^^^^^^^^
        hint: known here: `clock`, `time-zone`, `rtc`, `sysrq`, `reboot`, `kexec`, `modules`, `mounts`, `devices`, `swap`, `kernel-log`, `sysctl`, `watchdog`, `confinement`, `unexpected`
        ");
    }

    #[test]
    fn an_answer_that_a_class_has_not_is_pointed_at() {
        assert_snapshot!(error("attempts = { clock = 'emulate' }"), @"
        failed to read `fwtest.toml`: `emulate` is no answer to `clock`
         --> fwtest.toml:3:22
          |
        3 | attempts = { clock = 'emulate' }
          |                      ^^^^^^^^^
        hint: write `pretend` or `refuse`
        ");
        assert_snapshot!(error("attempts = { reboot = 'pretend' }"), @"
        failed to read `fwtest.toml`: `pretend` is no answer to `reboot`
         --> fwtest.toml:3:23
          |
        3 | attempts = { reboot = 'pretend' }
          |                       ^^^^^^^^^
        hint: write `emulate` or `refuse`
        ");
        assert_snapshot!(error("[firmware.r.attempts]\nswap = 'deny'"), @"
        failed to read `fwtest.toml`: `deny` is no answer to `swap`
         --> fwtest.toml:4:8
          |
        4 | swap = 'deny'
          |        ^^^^^^
        hint: write `refuse` or `pretend`
        ");
        assert_snapshot!(error("attempts = { clock = true }"), @r#"
        failed to read `fwtest.toml`: expected an answer in a string, such as "refuse", found boolean `true`
         --> fwtest.toml:3:22
          |
        3 | attempts = { clock = true }
          |                      ^^^^
        "#);
        assert_snapshot!(error("attempts = { unexpected = 'ignore' }"), @"
        failed to read `fwtest.toml`: `ignore` is neither `report` nor `fail`
         --> fwtest.toml:3:27
          |
        3 | attempts = { unexpected = 'ignore' }
          |                           ^^^^^^^^
        ");
        assert_snapshot!(error("attempts = 'refuse'"), @r#"
        failed to read `fwtest.toml`: expected a table, found string "refuse"
         --> fwtest.toml:3:12
          |
        3 | attempts = 'refuse'
          |            ^^^^^^^^
        "#);
        assert_snapshot!(error("attempts = { clock = 'refuse', clock = 'pretend' }"), @"
        failed to read `fwtest.toml`: duplicate key
         --> fwtest.toml:3:32
          |
        3 | attempts = { clock = 'refuse', clock = 'pretend' }
          |                                ^^^^^
        ");
    }
}
