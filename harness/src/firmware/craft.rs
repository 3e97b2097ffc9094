//! ELF files made by hand, for tests.

/// What an ELF file is to have.
#[derive(Clone, Copy)]
pub(super) struct Craft<'a> {
    pub(super) machine: u16,
    pub(super) is_64_bit: bool,
    pub(super) kind: u16,
    pub(super) interpreter: Option<&'a str>,
    pub(super) needed: &'a [&'a str],
    pub(super) runpath: Option<&'a str>,
    pub(super) rpath: Option<&'a str>,
}

/// A static program for this machine.
pub(super) const STATIC: Craft<'static> = Craft {
    machine: super::machine::HOST.number,
    is_64_bit: cfg!(target_pointer_width = "64"),
    kind: 2,
    interpreter: None,
    needed: &[],
    runpath: None,
    rpath: None,
};

/// Where the file is in memory: not 0, so that an address is no offset.
const BASE: u64 = 0x40_0000;

impl Craft<'_> {
    /// The file: header, three segments, dynamic section, then the strings. Little-endian.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let word = if self.is_64_bit { 8 } else { 4 };
        let (header, segment) = if self.is_64_bit { (64, 56) } else { (52, 32) };
        let is_dynamic = self.interpreter.is_some() || !self.needed.is_empty();
        let segments = if is_dynamic { 3 } else { 1 };
        let dynamic_at = header + segments * segment;

        let mut strings = vec![0];
        let mut add = |string: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(string.as_bytes());
            strings.push(0);
            at
        };
        let mut entries: Vec<_> = self.needed.iter().map(|name| (1, add(name))).collect();
        entries.extend(self.runpath.map(|path| (29, add(path))));
        entries.extend(self.rpath.map(|path| (15, add(path))));
        let interpreter = self.interpreter.map(|name| (add(name), name.len() as u64 + 1));
        let dynamic_size = (entries.len() as u64 + 2) * 2 * word;
        let strings_at = dynamic_at + dynamic_size;
        entries.extend([(5, BASE + strings_at), (0, 0)]);
        let size = strings_at + strings.len() as u64;

        let mut out = Writer { bytes: Vec::new(), is_64_bit: self.is_64_bit };
        out.bytes.extend_from_slice(b"\x7fELF");
        out.bytes.extend([if self.is_64_bit { 2 } else { 1 }, 1, 1]);
        out.bytes.resize(16, 0);
        out.half(self.kind).half(self.machine).int(1);
        out.word(BASE).word(header).word(0).int(0);
        out.half(header as u16).half(segment as u16).half(segments as u16);
        out.half(0).half(0).half(0);
        out.segment(1, 0, size);
        if is_dynamic {
            out.segment(2, dynamic_at, dynamic_size);
            // A library has none: then its segment is of no kind.
            let (at, length) = interpreter.unwrap_or_default();
            out.segment(if interpreter.is_some() { 3 } else { 0 }, strings_at + at, length);
            for (tag, value) in entries {
                out.word(tag).word(value);
            }
        } else {
            out.bytes.resize(strings_at as usize, 0);
        }
        out.bytes.extend(strings);
        out.bytes
    }
}

struct Writer {
    bytes: Vec<u8>,
    is_64_bit: bool,
}

impl Writer {
    fn half(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    fn int(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    fn word(&mut self, value: u64) -> &mut Self {
        let length = if self.is_64_bit { 8 } else { 4 };
        self.bytes.extend(&value.to_le_bytes()[..length]);
        self
    }

    fn segment(&mut self, kind: u32, offset: u64, size: u64) {
        self.int(kind);
        if self.is_64_bit {
            self.int(5).word(offset).word(BASE + offset).word(BASE + offset);
            self.word(size).word(size).word(1);
        } else {
            self.word(offset).word(BASE + offset).word(BASE + offset);
            self.word(size).word(size).int(5).word(1);
        }
    }
}
